// Lets a trained model write: byte after byte, each drawn from what the model expects after the ones before.
#pragma once

#include "model.hpp"
#include <lockstep/io/utf8.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>

namespace gpt {

/// Draws from softmax(logits / temperature); the likeliest byte at temperature 0.
inline char draw(std::span<const float> logits, double temperature, ls::Philox& random) {
  const auto likeliest = std::max_element(logits.begin(), logits.end());
  if (temperature <= 0) return static_cast<char>(likeliest - logits.begin());
  const auto weight = [&](float logit) { return std::exp(static_cast<double>(logit - *likeliest) / temperature); };
  double total = 0;
  for (const float logit : logits) total += weight(logit);
  double left = random.uniform_double() * total;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    left -= weight(logits[i]);
    if (left < 0) return static_cast<char>(i);
  }
  return static_cast<char>(likeliest - logits.begin());
}

/// `length` bytes that a model (ls::no_grad) writes after a prompt. No communication: one rank suffices.
template <class Model>
std::string write_sample(const Model& model, const std::string& prompt, std::int64_t length, std::int64_t context,
                         double temperature, std::uint64_t seed) {
  ls::Philox random(seed, ls::hash_name("sample"));
  std::string text = prompt;
  ls::Tensor<std::int32_t> window({1, context});
  for (std::int64_t i = 0; i < length; ++i) {
    const auto size = std::min(context, static_cast<std::int64_t>(text.size()));
    window.resize({1, size});
    for (std::int64_t j = 0; j < size; ++j) {
      window.data()[j] = static_cast<unsigned char>(text[text.size() - static_cast<std::size_t>(size - j)]);
    }
    const auto logits = model(window);
    text += draw(logits.value().span().last(vocabulary), temperature, random);
  }
  return text;
}

/// The text as a terminal may show it: bytes that are no UTF-8, and control characters, become '?'.
inline std::string printable(std::string text) {
  for (std::size_t begin = 0; begin < text.size(); ++begin) {
    begin += ls::valid_utf8_prefix(std::string_view(text).substr(begin));
    if (begin < text.size()) text[begin] = '?';
  }
  for (char& c : text) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7F) c = '?';
  }
  return text;
}

}  // namespace gpt
