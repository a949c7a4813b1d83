// Normalisation of rows: to mean 0 and variance 1 (layer norm), or to mean square 1 (RMS norm).
#pragma once

#include <lockstep/kernels/cpu/row_reductions.hpp>
#include <lockstep/kernels/destination.hpp>
#include <lockstep/tensor/cpu.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace lockstep::cpu {

struct LayerNormKernels {
  /// y = (x - mean) * reciprocal_deviation * weight + bias per row; the two statistics of each row are kept. Null
  /// weight means 1, null bias 0.
  template <class T>
  static void layer_norm(Cpu&, std::int64_t rows, std::int64_t columns, const T* x, const T* weight, const T* bias,
                         T epsilon, T* y, T* means, T* reciprocal_deviations) {
    const T count = static_cast<T>(columns);
    for (std::int64_t i = 0; i < rows; ++i) {
      const T* row = x + i * columns;
      const T mean = sum_of(columns, row) / count;
      const T factor = T(1) / std::sqrt(square_deviations_of(columns, row, mean) / count + epsilon);
      scale_row(columns, row, mean, factor, weight, bias, y + i * columns);
      means[i] = mean;
      reciprocal_deviations[i] = factor;
    }
  }

  /// y = x * reciprocal_root * weight per row, with reciprocal_root = 1 / sqrt(mean(x^2) + epsilon).
  template <class T>
  static void rms_norm(Cpu&, std::int64_t rows, std::int64_t columns, const T* x, const T* weight, T epsilon, T* y,
                       T* reciprocal_roots) {
    const T count = static_cast<T>(columns);
    for (std::int64_t i = 0; i < rows; ++i) {
      const T* row = x + i * columns;
      const T factor = T(1) / std::sqrt(dot_of(columns, row, row) / count + epsilon);
      scale_row<T>(columns, row, T(0), factor, weight, nullptr, y + i * columns);
      reciprocal_roots[i] = factor;
    }
  }

  /// The gradients of both norms; null `means` stands for RMS norm. Destinations may be null. With g = dy * weight and
  /// n = the normalised x: dx = factor * (g - mean(g) - n * mean(g * n)), where RMS norm has no mean(g);
  /// dweight = sum over rows of dy * n; dbias = sum of dy. `scratch` holds 4 * columns elements.
  template <class T>
  static void layer_norm_backward(Cpu&, std::int64_t rows, std::int64_t columns, const T* dy, const T* x,
                                  const T* weight, const T* means, const T* factors, Destination<T> dx,
                                  Destination<T> dweight, Destination<T> dbias, T* scratch) {
    T* g = scratch;
    T* normalized = scratch + columns;
    T* partial = scratch + 2 * columns;
    T* partial_bias = scratch + 3 * columns;
    const T reciprocal_count = T(1) / static_cast<T>(columns);
    if (dweight && !dweight.accumulate) std::fill_n(dweight.data, columns, T(0));
    if (dbias && !dbias.accumulate) std::fill_n(dbias.data, columns, T(0));
    constexpr std::int64_t block_rows = 32;  // sums in two levels: small rounding errors, fixed order
    for (std::int64_t first = 0; first < rows; first += block_rows) {
      const std::int64_t last = std::min(first + block_rows, rows);
      std::fill_n(partial, columns, T(0));
      std::fill_n(partial_bias, columns, T(0));
      for (std::int64_t i = first; i < last; ++i) {
        const T* dy_row = dy + i * columns;
        normalize_row(columns, x + i * columns, means == nullptr ? T(0) : means[i], factors[i], normalized);
        if (dweight) add_products(columns, dy_row, normalized, partial);
        if (dbias) add(columns, dy_row, partial_bias);
        if (!dx) continue;
        const T* gradient = dy_row;
        if (weight != nullptr) {
          multiply(columns, dy_row, weight, g);
          gradient = g;
        }
        const T mean_g = means == nullptr ? T(0) : sum_of(columns, gradient) * reciprocal_count;
        const T mean_gn = dot_of(columns, gradient, normalized) * reciprocal_count;
        write_dx(columns, gradient, normalized, mean_g, mean_gn, factors[i], dx + i * columns);
      }
      if (dweight) add(columns, partial, dweight.data);
      if (dbias) add(columns, partial_bias, dbias.data);
    }
  }

 private:
  template <class T>
  static void scale_row(std::int64_t count, const T* __restrict x, T mean, T factor, const T* __restrict weight,
                        const T* __restrict bias, T* __restrict y) {
    if (weight != nullptr && bias != nullptr) {
      for (std::int64_t j = 0; j < count; ++j) y[j] = (x[j] - mean) * factor * weight[j] + bias[j];
    } else if (weight != nullptr) {
      for (std::int64_t j = 0; j < count; ++j) y[j] = (x[j] - mean) * factor * weight[j];
    } else if (bias != nullptr) {
      for (std::int64_t j = 0; j < count; ++j) y[j] = (x[j] - mean) * factor + bias[j];
    } else {
      for (std::int64_t j = 0; j < count; ++j) y[j] = (x[j] - mean) * factor;
    }
  }

  template <class T>
  static void normalize_row(std::int64_t count, const T* __restrict x, T mean, T factor, T* __restrict out) {
    for (std::int64_t j = 0; j < count; ++j) out[j] = (x[j] - mean) * factor;
  }

  template <class T>
  static void multiply(std::int64_t count, const T* __restrict x, const T* __restrict y, T* __restrict out) {
    for (std::int64_t j = 0; j < count; ++j) out[j] = x[j] * y[j];
  }

  template <class T>
  static void add(std::int64_t count, const T* __restrict x, T* __restrict out) {
    for (std::int64_t j = 0; j < count; ++j) out[j] += x[j];
  }

  template <class T>
  static void add_products(std::int64_t count, const T* __restrict x, const T* __restrict y, T* __restrict out) {
    for (std::int64_t j = 0; j < count; ++j) out[j] += x[j] * y[j];
  }

  template <class T>
  static void write_dx(std::int64_t count, const T* __restrict g, const T* __restrict normalized, T mean_g, T mean_gn,
                       T factor, Destination<T> out) {
    T* __restrict dx = out.data;
    if (out.accumulate) {
      for (std::int64_t j = 0; j < count; ++j) dx[j] += factor * (g[j] - mean_g - normalized[j] * mean_gn);
    } else {
      for (std::int64_t j = 0; j < count; ++j) dx[j] = factor * (g[j] - mean_g - normalized[j] * mean_gn);
    }
  }
};

}  // namespace lockstep::cpu
