// Sums over the rows of a matrix: the gradients of biases.
#pragma once

#include <lockstep/kernels/destination.hpp>
#include <lockstep/tensor/cpu.hpp>

#include <algorithm>
#include <cstdint>

namespace lockstep::cpu {

struct ColumnSums {
  /// out[j] = the sum of in[i * columns + j] over all rows i. The order of additions depends on the extents only:
  /// blocks of 64 rows, one after the other, which also keeps rounding errors small.
  template <class T>
  static void column_sums(Cpu&, std::int64_t rows, std::int64_t columns, const T* __restrict in, Destination<T> out) {
    constexpr std::int64_t block_rows = 64;
    constexpr std::int64_t block_columns = 512;
    T total[block_columns];
    T partial[block_columns];
    for (std::int64_t first = 0; first < columns; first += block_columns) {
      const std::int64_t width = std::min(block_columns, columns - first);
      std::fill_n(total, width, T(0));
      for (std::int64_t i = 0; i < rows; i += block_rows) {
        const std::int64_t last = std::min(i + block_rows, rows);
        std::fill_n(partial, width, T(0));
        std::int64_t r = i;
        for (; r + 4 <= last; r += 4) {
          const T* __restrict row = in + r * columns + first;
          for (std::int64_t j = 0; j < width; ++j) {
            partial[j] += (row[j] + row[columns + j]) + (row[2 * columns + j] + row[3 * columns + j]);
          }
        }
        for (; r < last; ++r) {
          const T* __restrict row = in + r * columns + first;
          for (std::int64_t j = 0; j < width; ++j) partial[j] += row[j];
        }
        for (std::int64_t j = 0; j < width; ++j) total[j] += partial[j];
      }
      T* __restrict result = out.data + first;
      if (out.accumulate) {
        for (std::int64_t j = 0; j < width; ++j) result[j] += total[j];
      } else {
        for (std::int64_t j = 0; j < width; ++j) result[j] = total[j];
      }
    }
  }
};

}  // namespace lockstep::cpu
