// Language modelling: a long row of tokens, cut into windows whose targets are the same tokens one place further.
#pragma once

#include <lockstep/data/dataset.hpp>

#include <concepts>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

namespace lockstep {

/// What a corpus is made of: bytes, or the token numbers of a tokenizer.
template <class T>
concept Token = std::same_as<T, char> || std::same_as<T, std::uint8_t> || std::same_as<T, std::uint16_t> ||
    std::same_as<T, std::uint32_t> || std::same_as<T, std::int32_t>;

/// Tokens in one piece of memory: std::string, std::vector, std::span, MappedFile...
template <class C>
concept TokenCorpus = std::movable<C> && requires(const C& corpus) {
  requires Token<std::remove_cvref_t<decltype(*corpus.data())>>;
  { corpus.size() } -> std::convertible_to<std::size_t>;
};

/// How a corpus is cut into windows.
struct TokenWindowOptions {
  std::int64_t context = 1;  ///< tokens per window
  std::int64_t stride = 0;   ///< tokens between the starts of windows; 0 means `context`: windows do not overlap
};

/// Window i has the inputs tokens[i * stride ... i * stride + context) and as targets the tokens one further on; both
/// are int32 [batch, context]. The corpus is held by value: give a std::span to refer to tokens that lie elsewhere.
template <TokenCorpus Corpus>
class TokenWindowDataset {
 public:
  using Batch = lockstep::Batch<std::int32_t, std::int32_t>;

  /// Throws ArgumentError when the corpus has not a single window.
  TokenWindowDataset(Corpus corpus, const TokenWindowOptions& options)
      : corpus_(std::move(corpus)),
        context_(options.context),
        stride_(options.stride == 0 ? options.context : options.stride) {
    if (context_ < 1 || stride_ < 1) {
      throw ArgumentError(concat("TokenWindowDataset: context and stride must be at least 1, got context ", context_,
                                 " and stride ", stride_));
    }
    const auto tokens = static_cast<std::int64_t>(corpus_.size());
    if (tokens <= context_) {
      throw ArgumentError(concat("TokenWindowDataset: a window of context ", context_, " needs ", context_,
                                 " tokens and one more, the corpus has ", tokens,
                                 "; give a longer corpus or a shorter context"));
    }
    size_ = (tokens - context_ - 1) / stride_ + 1;
  }

  std::int64_t size() const { return size_; }
  std::int64_t context() const { return context_; }
  const Corpus& corpus() const { return corpus_; }

  void read(std::span<const std::int64_t> indices, Batch& batch) const {
    const Shape shape{static_cast<std::int64_t>(indices.size()), context_};
    if (!(batch.inputs.shape() == shape)) batch.inputs.resize(shape);
    if (!(batch.targets.shape() == shape)) batch.targets.resize(shape);
    std::int32_t* inputs = batch.inputs.data();
    std::int32_t* targets = batch.targets.data();
    for (const std::int64_t index : indices) {
      const auto* tokens = corpus_.data() + index * stride_;
      for (std::int64_t i = 0; i < context_; ++i) *inputs++ = number(tokens[i]);
      for (std::int64_t i = 0; i < context_; ++i) *targets++ = number(tokens[i + 1]);
    }
  }

 private:
  template <class T>
  static constexpr std::int32_t number(T token) {
    if constexpr (std::same_as<T, char>) {
      return static_cast<unsigned char>(token);
    } else {
      return static_cast<std::int32_t>(token);
    }
  }

  Corpus corpus_;
  std::int64_t context_;
  std::int64_t stride_;
  std::int64_t size_ = 0;
};

static_assert(Dataset<TokenWindowDataset<std::span<const std::uint16_t>>>);

}  // namespace lockstep
