// GPT-2's architecture over bytes: plain structs that name their parts.
#pragma once

#include <lockstep/lockstep.hpp>

#include <cmath>
#include <cstdint>
#include <vector>

namespace gpt {

namespace ls = lockstep;

inline constexpr std::int64_t vocabulary = 256;  // bytes

/// The extents of a model.
struct ModelOptions {
  std::int64_t width = 128;
  std::int64_t depth = 4;
  std::int64_t heads = 4;
  std::int64_t context = 128;
  double dropout = 0;
};

/// First values as GPT-2's: a narrow normal, narrower where a block adds to the residual stream; biases zero.
inline ls::LinearOptions linear_options(double standard_deviation = 0.02) {
  return {.weight_initializer = ls::init::normal(0, standard_deviation), .bias_initializer = ls::init::zeros()};
}
inline double residual_deviation(const ModelOptions& options) {
  return 0.02 / std::sqrt(2.0 * static_cast<double>(options.depth));
}

/// Attention, then a perceptron, each on the normalised stream and added to it.
struct Block {
  explicit Block(const ModelOptions& options)
      : attention_norm(options.width),
        attention(options.width, options.heads,
                  {.dropout = options.dropout,
                   .in_initializer = ls::init::normal(0, 0.02),
                   .out_initializer = ls::init::normal(0, residual_deviation(options)),
                   .bias_initializer = ls::init::zeros()}),
        mlp_norm(options.width),
        expand(options.width, 4 * options.width, linear_options()),
        contract(4 * options.width, options.width, linear_options(residual_deviation(options))),
        dropout(options.dropout) {}

  ls::LayerNorm attention_norm;
  ls::CausalSelfAttention attention;
  ls::LayerNorm mlp_norm;
  ls::Linear expand, contract;
  ls::Dropout dropout;

  auto operator()(auto x) const {
    x = x + attention(attention_norm(x));
    return x + dropout(contract(ls::gelu_tanh(expand(mlp_norm(x)))));
  }

  LOCKSTEP_FIELDS(attention_norm, attention, mlp_norm, expand, contract)
};

/// Bytes [batch, time] to the logits of each next byte [batch, time, 256]. The output layer is the embedding's
/// transpose.
struct Gpt {
  explicit Gpt(const ModelOptions& options)
      : wte(vocabulary, options.width, {.initializer = ls::init::normal(0, 0.02)}),
        wpe(options.context, options.width, {.initializer = ls::init::normal(0, 0.02)}),
        blocks(static_cast<std::size_t>(options.depth), Block(options)),
        norm(options.width),
        positions(static_cast<std::size_t>(options.context)) {
    for (std::size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<std::int32_t>(i);
  }

  ls::Embedding wte, wpe;
  std::vector<Block> blocks;
  ls::LayerNorm norm;
  std::vector<std::int32_t> positions;

  auto operator()(const auto& bytes) const {
    auto x = wte(bytes) + wpe(bytes.tape().indices({positions.data(), {bytes.extent(1)}}));
    for (const Block& block : blocks) x = block(x);
    return ls::linear(norm(x), wte.weight);
  }

  LOCKSTEP_FIELDS(wte, wpe, blocks, norm)
};

}  // namespace gpt
