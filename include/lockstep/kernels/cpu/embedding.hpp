// Rows of a table by index, and the sum of gradients back into the table.
#pragma once

#include <lockstep/kernels/destination.hpp>
#include <lockstep/tensor/cpu.hpp>

#include <algorithm>
#include <cstdint>

namespace lockstep::cpu {

struct EmbeddingKernels {
  /// The position of the first index that is neither in [0, limit) nor `ignored`, or -1.
  static std::int64_t first_out_of_range(Cpu&, std::int64_t count, const std::int32_t* indices, std::int64_t limit,
                                         std::int64_t ignored) {
    for (std::int64_t i = 0; i < count; ++i) {
      if ((indices[i] < 0 || indices[i] >= limit) && indices[i] != ignored) return i;
    }
    return -1;
  }

  /// out[i] = table[indices[i]], in rows of `columns` elements.
  template <class T>
  static void embedding(Cpu&, std::int64_t count, std::int64_t columns, const std::int32_t* indices,
                        const T* __restrict table, T* __restrict out) {
    for (std::int64_t i = 0; i < count; ++i) {
      std::copy_n(table + indices[i] * columns, columns, out + i * columns);
    }
  }

  /// table[indices[i]] += in[i] in order of i; without accumulation, on top of zeros.
  template <class T>
  static void embedding_backward(Cpu&, std::int64_t rows, std::int64_t count, std::int64_t columns,
                                 const std::int32_t* indices, const T* __restrict in, Destination<T> table) {
    if (!table.accumulate) std::fill_n(table.data, rows * columns, T(0));
    for (std::int64_t i = 0; i < count; ++i) {
      T* __restrict target = table.data + indices[i] * columns;
      const T* __restrict source = in + i * columns;
      for (std::int64_t j = 0; j < columns; ++j) target[j] += source[j];
    }
  }
};

}  // namespace lockstep::cpu
