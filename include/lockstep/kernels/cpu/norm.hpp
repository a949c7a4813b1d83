// Sums of squares in double, one per block of fixed size, and clamping: what gradient clipping needs.
#pragma once

#include <lockstep/kernels/norm_block.hpp>
#include <lockstep/tensor/cpu.hpp>

#include <cstdint>

namespace lockstep::cpu {

struct NormKernels {
  /// sums[b] = the sum of squares of elements [b * norm_block, (b + 1) * norm_block) that lie below count. The order of
  /// additions inside a block is fixed, so a sum is a function of its block's values alone.
  template <class T>
  static void square_sums(Cpu&, std::int64_t count, const T* __restrict in, double* __restrict sums) {
    constexpr std::int64_t lanes = 16;
    for (std::int64_t first = 0; first < count; first += norm_block) {
      const std::int64_t size = count - first < norm_block ? count - first : norm_block;
      const T* __restrict block = in + first;
      double partial[lanes] = {};
      std::int64_t i = 0;
      for (; i + lanes <= size; i += lanes) {
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
          const double x = static_cast<double>(block[i + lane]);
          partial[lane] += x * x;
        }
      }
      for (std::int64_t lane = 0; i + lane < size; ++lane) {
        const double x = static_cast<double>(block[i + lane]);
        partial[lane] += x * x;
      }
      for (std::int64_t half = lanes / 2; half > 0; half /= 2) {
        for (std::int64_t lane = 0; lane < half; ++lane) partial[lane] += partial[lane + half];
      }
      sums[first / norm_block] = partial[0];
    }
  }

  /// Limits every value to [-bound, bound]; NaN stays.
  template <class T>
  static void clamp(Cpu&, std::int64_t count, T* values, T bound) {
    for (std::int64_t i = 0; i < count; ++i) {
      const T x = values[i];
      const T above = x < -bound ? -bound : x;
      values[i] = above > bound ? bound : above;
    }
  }
};

}  // namespace lockstep::cpu
