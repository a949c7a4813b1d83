// Softmax along the middle dimension of [outer, count, inner]: along rows when inner is 1, else down columns, a group
// of neighbouring columns at a time.
#pragma once

#include <lockstep/kernels/cpu/row_reductions.hpp>
#include <lockstep/kernels/destination.hpp>
#include <lockstep/kernels/scalar_math.hpp>
#include <lockstep/tensor/cpu.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace lockstep::cpu {

struct SoftmaxKernels {
  /// y = exp(x - max) / sum(exp(x - max)).
  template <class T>
  static void softmax(Cpu&, std::int64_t outer, std::int64_t count, std::int64_t inner, const T* x, T* y) {
    for_each_line(outer, count, inner, [&](std::int64_t offset, std::int64_t width) {
      T sums[most_width];
      exponentials(count, inner, width, x + offset, y + offset, sums);
      for (std::int64_t l = 0; l < width; ++l) sums[l] = T(1) / sums[l];
      T* __restrict to = y + offset;
      if (inner == 1) {
        for (std::int64_t j = 0; j < count; ++j) to[j] *= sums[0];
      } else {
        for (std::int64_t j = 0; j < count; ++j) {
          for (std::int64_t l = 0; l < width; ++l) to[j * inner + l] *= sums[l];
        }
      }
    });
  }

  /// y = x - max - log(sum(exp(x - max))).
  template <class T>
  static void log_softmax(Cpu&, std::int64_t outer, std::int64_t count, std::int64_t inner, const T* x, T* y) {
    for_each_line(outer, count, inner, [&](std::int64_t offset, std::int64_t width) {
      T sums[most_width];
      T highest[most_width];
      exponentials(count, inner, width, x + offset, y + offset, sums, highest);
      const T* __restrict from = x + offset;
      T* __restrict to = y + offset;
      for (std::int64_t l = 0; l < width; ++l) sums[l] = math::log(sums[l]);
      if (inner == 1) {
        for (std::int64_t j = 0; j < count; ++j) to[j] = (from[j] - highest[0]) - sums[0];
      } else {
        for (std::int64_t j = 0; j < count; ++j) {
          for (std::int64_t l = 0; l < width; ++l) to[j * inner + l] = (from[j * inner + l] - highest[l]) - sums[l];
        }
      }
    });
  }

  /// dx = y * (dy - sum(dy * y)).
  template <class T>
  static void softmax_backward(Cpu&, std::int64_t outer, std::int64_t count, std::int64_t inner, const T* y,
                               const T* dy, Destination<T> dx) {
    for_each_line(outer, count, inner, [&](std::int64_t offset, std::int64_t width) {
      T sums[most_width] = {};
      if (inner == 1) {
        sums[0] = dot_of(count, y + offset, dy + offset);
      } else {
        for (std::int64_t j = 0; j < count; ++j) {
          const T* a = y + offset + j * inner;
          const T* b = dy + offset + j * inner;
          for (std::int64_t l = 0; l < width; ++l) sums[l] += a[l] * b[l];
        }
      }
      write(count, inner, width, sums, y + offset, dy + offset, dx + offset,
            [](T value, T gradient, T sum) { return value * (gradient - sum); });
    });
  }

  /// dx = dy - exp(y) * sum(dy).
  template <class T>
  static void log_softmax_backward(Cpu&, std::int64_t outer, std::int64_t count, std::int64_t inner, const T* y,
                                   const T* dy, Destination<T> dx) {
    for_each_line(outer, count, inner, [&](std::int64_t offset, std::int64_t width) {
      T sums[most_width] = {};
      if (inner == 1) {
        sums[0] = sum_of(count, dy + offset);
      } else {
        for (std::int64_t j = 0; j < count; ++j) {
          for (std::int64_t l = 0; l < width; ++l) sums[l] += dy[offset + j * inner + l];
        }
      }
      write(count, inner, width, sums, y + offset, dy + offset, dx + offset,
            [](T value, T gradient, T sum) { return gradient - math::exp(value) * sum; });
    });
  }

 private:
  static constexpr std::int64_t most_width = 64;

  /// Calls `body(offset, width)` for every line, or group of neighbouring lines, along the middle dimension.
  template <class Body>
  static void for_each_line(std::int64_t outer, std::int64_t count, std::int64_t inner, Body body) {
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t first = 0; first < inner; first += most_width) {
        body(o * count * inner + first, std::min(most_width, inner - first));
      }
    }
  }

  /// y = exp(x - max) and the sums of y.
  template <class T>
  static void exponentials(std::int64_t count, std::int64_t inner, std::int64_t width, const T* __restrict x,
                           T* __restrict y, T* __restrict sums) {
    T highest[most_width];
    exponentials(count, inner, width, x, y, sums, highest);
  }

  template <class T>
  static void exponentials(std::int64_t count, std::int64_t inner, std::int64_t width, const T* __restrict x,
                           T* __restrict y, T* __restrict sums, T* __restrict highest) {
    if (inner == 1) {
      const T top = max_of(count, x);
      for (std::int64_t j = 0; j < count; ++j) y[j] = math::exp(x[j] - top);
      sums[0] = sum_of(count, y);
      highest[0] = top;
      return;
    }
    std::fill_n(highest, width, -std::numeric_limits<T>::infinity());
    std::fill_n(sums, width, T(0));
    for (std::int64_t j = 0; j < count; ++j) {
      for (std::int64_t l = 0; l < width; ++l)
        highest[l] = x[j * inner + l] > highest[l] ? x[j * inner + l] : highest[l];
    }
    for (std::int64_t j = 0; j < count; ++j) {
      for (std::int64_t l = 0; l < width; ++l) {
        y[j * inner + l] = math::exp(x[j * inner + l] - highest[l]);
        sums[l] += y[j * inner + l];
      }
    }
  }

  template <class T, class Function>
  static void write(std::int64_t count, std::int64_t inner, std::int64_t width, const T* __restrict sums,
                    const T* __restrict y, const T* __restrict dy, Destination<T> out, Function function) {
    T* __restrict dx = out.data;
    const std::int64_t lines = inner == 1 ? 1 : count;
    const std::int64_t length = inner == 1 ? count : width;
    for (std::int64_t j = 0; j < lines; ++j) {
      const std::int64_t at = j * inner;
      for (std::int64_t l = 0; l < length; ++l) {
        const T value = function(y[at + l], dy[at + l], sums[inner == 1 ? 0 : l]);
        dx[at + l] = out.accumulate ? dx[at + l] + value : value;
      }
    }
  }
};

}  // namespace lockstep::cpu
