// Products of a matrix and a vector: bound by the speed of memory, so the matrix is read once, in the order it lies in.
#pragma once

#include <lockstep/kernels/cpu/packet.hpp>

#include <cstdint>

namespace lockstep::cpu {

/// Rows of dot products: y[i] = alpha * sum over p of matrix[i * ld + p] * x[p] + bias[i * bias_step], or y[i] += that.
template <int Rows, class T>
[[gnu::noinline]] LOCKSTEP_WIDE_VECTORS void dot_rows(std::int64_t depth, const T* __restrict matrix, std::int64_t ld,
                                                      const T* __restrict x, T (&sums)[Rows]) {
  constexpr int width = packet_width<T>;
  Packet<T> partial[Rows][2] = {};
  std::int64_t p = 0;
  for (; p + 2 * width <= depth; p += 2 * width) {
    const Packet<T> x0 = load_packet(x + p);
    const Packet<T> x1 = load_packet(x + p + width);
    LOCKSTEP_UNROLL
    for (int i = 0; i < Rows; ++i) {
      partial[i][0] += load_packet(matrix + i * ld + p) * x0;
      partial[i][1] += load_packet(matrix + i * ld + p + width) * x1;
    }
  }
  LOCKSTEP_UNROLL
  for (int i = 0; i < Rows; ++i) {
    alignas(64) T lanes[width];
    store_packet(lanes, partial[i][0] + partial[i][1]);
    for (int half = width / 2; half > 0; half /= 2) {
      for (int lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
    }
    T tail = 0;
    for (std::int64_t q = p; q < depth; ++q) tail += matrix[i * ld + q] * x[q];
    sums[i] = lanes[0] + tail;
  }
}

/// y[i * y_step] = alpha * (row i of matrix) x + bias[i * bias_step], or y += that; rows are `ld` apart.
template <class T>
void multiply_rows_by_vector(std::int64_t rows, std::int64_t depth, T alpha, const T* matrix, std::int64_t ld,
                             const T* x, T* y, std::int64_t y_step, const T* bias, std::int64_t bias_step,
                             bool accumulate) {
  constexpr int at_once = 4;
  T sums[at_once];
  for (std::int64_t i = 0; i < rows; i += at_once) {
    const std::int64_t count = rows - i < at_once ? rows - i : at_once;
    if (count == at_once) {
      dot_rows<at_once>(depth, matrix + i * ld, ld, x, sums);
    } else {
      for (std::int64_t r = 0; r < count; ++r) {
        T sum[1];
        dot_rows<1>(depth, matrix + (i + r) * ld, ld, x, sum);
        sums[r] = sum[0];
      }
    }
    for (std::int64_t r = 0; r < count; ++r) {
      const T value = alpha * sums[r] + (bias == nullptr ? T(0) : bias[(i + r) * bias_step]);
      T& target = y[(i + r) * y_step];
      target = accumulate ? target + value : value;
    }
  }
}

/// y[j] += sum over p of alpha * x[p * x_step] * matrix[p * ld + j].
template <class T>
void add_combination_of_rows(std::int64_t columns, std::int64_t depth, T alpha, const T* __restrict matrix,
                             std::int64_t ld, const T* __restrict x, std::int64_t x_step, T* __restrict y) {
  std::int64_t p = 0;
  for (; p + 4 <= depth; p += 4) {
    const T x0 = alpha * x[p * x_step];
    const T x1 = alpha * x[(p + 1) * x_step];
    const T x2 = alpha * x[(p + 2) * x_step];
    const T x3 = alpha * x[(p + 3) * x_step];
    const T* __restrict row = matrix + p * ld;
    for (std::int64_t j = 0; j < columns; ++j) {
      y[j] += x0 * row[j] + x1 * row[ld + j] + x2 * row[2 * ld + j] + x3 * row[3 * ld + j];
    }
  }
  for (; p < depth; ++p) {
    const T x0 = alpha * x[p * x_step];
    const T* __restrict row = matrix + p * ld;
    for (std::int64_t j = 0; j < columns; ++j) y[j] += x0 * row[j];
  }
}

}  // namespace lockstep::cpu
