// Dropout by counter-based random numbers: the mask is a function of the stream and the position.
#pragma once

#include <lockstep/core/philox.hpp>
#include <lockstep/kernels/cpu/random_words.hpp>
#include <lockstep/kernels/destination.hpp>
#include <lockstep/tensor/cpu.hpp>

#include <algorithm>
#include <cstdint>

namespace lockstep::cpu {

/// out[i] = word(position + i) < probability ? 0 : x[i] / (1 - probability), with the words of the stream as numbers in
/// [0, 1); added if the destination accumulates. `out` may be x itself.
template <class T>
void drop_elements(std::int64_t count, const T* x, double probability, const Philox& random, std::uint64_t position,
                   Destination<T> out) {
  constexpr std::int64_t batch = 8 * random_words_batch;
  std::uint32_t memory[batch + random_words_batch + random_words_slack];
  const T factor = static_cast<T>(1 / (1 - probability));
  const float limit = static_cast<float>(probability);
  for (std::int64_t first = 0; first < count; first += batch) {
    const std::int64_t size = std::min(batch, count - first);
    const std::uint32_t* words = random_words(random, position + static_cast<std::uint64_t>(first), size, memory);
    const T* from = x + first;
    T* to = out.data + first;
    if (out.accumulate) {
      for (std::int64_t i = 0; i < size; ++i) to[i] += to_uniform(words[i]) < limit ? T(0) : from[i] * factor;
    } else {
      for (std::int64_t i = 0; i < size; ++i) to[i] = to_uniform(words[i]) < limit ? T(0) : from[i] * factor;
    }
  }
}

struct DropoutKernels {
  /// out[i] = uniform(i) < probability ? 0 : x[i] / (1 - probability), with the i-th number of the stream; added if the
  /// destination accumulates.
  template <class T>
  static void dropout(Cpu&, std::int64_t count, const T* x, double probability, const Philox& random,
                      Destination<T> out) {
    drop_elements(count, x, probability, random, 0, out);
  }
};

}  // namespace lockstep::cpu
