// Self-attention that sees no future.
#pragma once

#include <lockstep/autograd/ops/attention.hpp>
#include <lockstep/nn/dropout.hpp>
#include <lockstep/nn/linear.hpp>

namespace lockstep {

struct AttentionOptions {
  bool bias = true;
  double dropout = 0;  // of the output, in train mode
  Initializer in_initializer = init::linear_default();
  Initializer out_initializer = init::linear_default();
  Initializer bias_initializer = init::linear_default();
};

/// Multi-head causal self-attention over x [batch, time, width]: softmax(q k^T / sqrt(width / heads)) v per head, where
/// a position sees itself and what is before it. Vaswani et al. 2017. The three projections are one matrix product, and
/// the attention reads its result in place.
struct CausalSelfAttention {
  CausalSelfAttention(std::int64_t width, std::int64_t head_count, const AttentionOptions& options = {})
      : in_proj(width, 3 * width, {options.bias, options.in_initializer, options.bias_initializer}),
        out_proj(width, width, {options.bias, options.out_initializer, options.bias_initializer}),
        output_dropout(options.dropout),
        heads(head_count) {
    if (head_count < 1 || width % head_count != 0) {
      throw ArgumentError(
          concat("CausalSelfAttention: the width ", width, " must be a multiple of the number of heads, got ", heads));
    }
  }

  Linear in_proj, out_proj;
  Dropout output_dropout;
  std::int64_t heads;

  template <Variable V>
  V operator()(const V& x) const {
    return output_dropout(out_proj(attention(in_proj(x), heads, {.causal = true})));
  }

  LOCKSTEP_FIELDS(in_proj, out_proj)
};

}  // namespace lockstep
