// What counting alone achieves: the yardstick that a trained model must beat.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace gpt {

/// Bits per byte of a text under counts of another.
struct Entropies {
  double unigram = 0;  // each byte on its own
  double bigram = 0;   // given the byte before it
};

/// The cross entropy of the bytes of `text` but its first, under counts of `training` with one added to each.
inline Entropies cross_entropies(std::span<const char> training, std::span<const char> text) {
  constexpr std::size_t symbols = 256;
  struct Counts {
    std::array<std::uint64_t, symbols> single{};
    std::array<std::array<std::uint64_t, symbols>, symbols> pair{};
    std::array<std::uint64_t, symbols> first{};  // of pairs
  };
  const auto byte = [](char c) { return static_cast<std::size_t>(static_cast<unsigned char>(c)); };
  const auto counts = std::make_unique<Counts>();
  for (std::size_t i = 0; i < training.size(); ++i) {
    ++counts->single[byte(training[i])];
    if (i == 0) continue;
    ++counts->pair[byte(training[i - 1])][byte(training[i])];
    ++counts->first[byte(training[i - 1])];
  }
  const auto bits = [](std::uint64_t count, std::uint64_t total) {
    return -std::log2(static_cast<double>(count + 1) / static_cast<double>(total + symbols));
  };
  Entropies sum;
  for (std::size_t i = 1; i < text.size(); ++i) {
    const std::size_t before = byte(text[i - 1]), current = byte(text[i]);
    sum.unigram += bits(counts->single[current], training.size());
    sum.bigram += bits(counts->pair[before][current], counts->first[before]);
  }
  const auto count = static_cast<double>(text.size() > 1 ? text.size() - 1 : 1);
  return {sum.unigram / count, sum.bigram / count};
}

}  // namespace gpt
