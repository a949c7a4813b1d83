// Dropout by counter-based random numbers: the mask is a function of the stream and the position.
#pragma once

#include <lockstep/core/philox.hpp>
#include <lockstep/kernels/destination.hpp>
#include <lockstep/tensor/cpu.hpp>

#include <cstdint>

namespace lockstep::cpu {

struct DropoutKernels {
  /// out[i] = uniform(i) < probability ? 0 : x[i] / (1 - probability), with the i-th number of the stream; added if the
  /// destination accumulates.
  template <class T>
  static void dropout(Cpu&, std::int64_t count, const T* __restrict x, double probability, const Philox& random,
                      Destination<T> out) {
    const T factor = static_cast<T>(1 / (1 - probability));
    const float limit = static_cast<float>(probability);
    T* __restrict result = out.data;
    for (std::int64_t first = 0; first < count; first += 4) {
      const PhiloxCounter words = random.block(static_cast<std::uint64_t>(first / 4));
      const std::int64_t size = count - first < 4 ? count - first : 4;
      for (std::int64_t i = 0; i < size; ++i) {
        const bool dropped = to_uniform(words[static_cast<std::size_t>(i)]) < limit;
        const T value = dropped ? T(0) : x[first + i] * factor;
        result[first + i] = out.accumulate ? result[first + i] + value : value;
      }
    }
  }
};

}  // namespace lockstep::cpu
