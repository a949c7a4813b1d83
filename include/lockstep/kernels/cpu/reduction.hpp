// Reductions of a contiguous array seen as [outer, count, inner] over its middle dimension. Sums are pairwise: blocks
// of fixed size are added in vector lanes and combined as a balanced tree, so the rounding error grows with the
// logarithm of the count, and the order of additions depends on the extents only.
#pragma once

#include <lockstep/kernels/destination.hpp>
#include <lockstep/tensor/cpu.hpp>

#include <cstdint>

namespace lockstep::cpu {

struct ReductionKernels {
  /// out[o, i] = factor * sum over j of in[o, j, i]; 0 * factor for no elements.
  template <class T>
  static void sum(Cpu& device, std::int64_t outer, std::int64_t count, std::int64_t inner, Destination<T> out,
                  const T* in, T factor = 1) {
    if (inner == 1) {
      for (std::int64_t o = 0; o < outer; ++o) {
        sum_map(
            device, count, out + o, factor, [](T x) { return x; }, in + o * count);
      }
      return;
    }
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t first = 0; first < inner; first += strip) {
        const std::int64_t width = inner - first < strip ? inner - first : strip;
        T total[strip];
        sum_rows(count, width, inner, total, in + o * count * inner + first);
        store(width, out + (o * inner + first), factor, total);
      }
    }
  }

  /// *out = factor * sum over i of function(in[i]...).
  template <class T, class Function, class... Inputs>
  static void sum_map(Cpu&, std::int64_t count, Destination<T> out, T factor, Function function, const Inputs*... in) {
    const T total = factor * sum_of<T>(count, function, in...);
    *out.data = out.accumulate ? *out.data + total : total;
  }

  /// out[o, i] = the maximum over j of in[o, j, i], NaN if there is one; `count` must not be 0.
  template <class T>
  static void max(Cpu&, std::int64_t outer, std::int64_t count, std::int64_t inner, T* __restrict out,
                  const T* __restrict in) {
    if (inner == 1) {
      for (std::int64_t o = 0; o < outer; ++o) out[o] = max_of(count, in + o * count);
      return;
    }
    for (std::int64_t o = 0; o < outer; ++o) {
      T* __restrict result = out + o * inner;
      const T* row = in + o * count * inner;
      for (std::int64_t i = 0; i < inner; ++i) result[i] = row[i];
      for (std::int64_t j = 1; j < count; ++j) {
        row += inner;
        for (std::int64_t i = 0; i < inner; ++i) result[i] = larger(result[i], row[i]);
      }
    }
  }

  /// out[o, i] = the first j at which in[o, j, i] is the maximum over j; a NaN counts as the largest.
  template <class T>
  static void argmax(Cpu&, std::int64_t outer, std::int64_t count, std::int64_t inner, std::int32_t* out, const T* in) {
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t i = 0; i < inner; ++i) {
        const T* column = in + o * count * inner + i;
        std::int64_t best = 0;
        for (std::int64_t j = 1; j < count; ++j) {
          const T value = column[j * inner];
          const T so_far = column[best * inner];
          if (value > so_far || (value != value && so_far == so_far)) best = j;
        }
        out[o * inner + i] = static_cast<std::int32_t>(best);
      }
    }
  }

  /// out[o, index[o, i], i] = in[o, i] and 0 elsewhere; adds when the destination accumulates.
  template <class T>
  static void scatter(Cpu&, std::int64_t outer, std::int64_t count, std::int64_t inner, Destination<T> out,
                      const std::int32_t* index, const T* in) {
    if (!out.accumulate) {
      for (std::int64_t i = 0; i < outer * count * inner; ++i) out.data[i] = T(0);
    }
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t i = 0; i < inner; ++i) {
        const std::int64_t row = o * inner + i;
        out.data[(o * count + index[row]) * inner + i] += in[row];
      }
    }
  }

 private:
  static constexpr std::int64_t lanes = 32;    // independent sums in registers
  static constexpr std::int64_t block = 1024;  // elements added in lanes before the tree begins
  static constexpr std::int64_t strip = 128;   // columns summed together
  static constexpr std::int64_t rows = 32;     // rows added one after another before the tree begins

  template <class T>
  static constexpr T larger(T a, T b) {
    return a > b || a != a ? a : b;  // NaN in b fails the comparison and is taken
  }

  template <class T>
  static T max_of(std::int64_t count, const T* in) {
    if (count < lanes) {
      T result = in[0];
      for (std::int64_t i = 1; i < count; ++i) result = larger(result, in[i]);
      return result;
    }
    T best[lanes];
    for (std::int64_t l = 0; l < lanes; ++l) best[l] = in[l];
    std::int64_t i = lanes;
    for (; i + lanes <= count; i += lanes) {
      for (std::int64_t l = 0; l < lanes; ++l) best[l] = larger(best[l], in[i + l]);
    }
    for (; i < count; ++i) best[0] = larger(best[0], in[i]);
    for (std::int64_t width = lanes / 2; width > 0; width /= 2) {
      for (std::int64_t l = 0; l < width; ++l) best[l] = larger(best[l], best[l + width]);
    }
    return best[0];
  }

  template <class T, class Function, class... Inputs>
  static T sum_of(std::int64_t count, const Function& function, const Inputs*... in) {
    if (count <= block) return sum_of_block<T>(count, function, in...);
    const std::int64_t half = (count / 2 + block - 1) / block * block;
    return sum_of<T>(half, function, in...) + sum_of<T>(count - half, function, (in + half)...);
  }

  template <class T, class Function, class... Inputs>
  [[gnu::flatten]] static T sum_of_block(std::int64_t count, const Function& function, const Inputs*... in) {
    if (count < lanes) {
      T total = 0;
      for (std::int64_t i = 0; i < count; ++i) total += function(in[i]...);
      return total;
    }
    T total[lanes] = {};
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes) {
      for (std::int64_t l = 0; l < lanes; ++l) total[l] += function(in[i + l]...);
    }
    const std::int64_t rest = count - i;
    for (std::int64_t l = 0; l < rest; ++l) total[l] += function(in[i + l]...);
    for (std::int64_t width = lanes / 2; width > 0; width /= 2) {
      for (std::int64_t l = 0; l < width; ++l) total[l] += total[l + width];
    }
    return total[0];
  }

  template <class T>
  static void sum_rows(std::int64_t count, std::int64_t width, std::int64_t stride, T* __restrict total, const T* in) {
    if (count > rows) {
      const std::int64_t half = (count / 2 + rows - 1) / rows * rows;
      T other[strip];
      sum_rows(half, width, stride, total, in);
      sum_rows(count - half, width, stride, other, in + half * stride);
      for (std::int64_t i = 0; i < width; ++i) total[i] += other[i];
      return;
    }
    for (std::int64_t i = 0; i < width; ++i) total[i] = T(0);
    for (std::int64_t j = 0; j < count; ++j) {
      const T* __restrict row = in + j * stride;
      for (std::int64_t i = 0; i < width; ++i) total[i] += row[i];
    }
  }

  template <class T>
  static void store(std::int64_t count, Destination<T> out, T factor, const T* total) {
    for (std::int64_t i = 0; i < count; ++i) {
      const T value = factor * total[i];
      out.data[i] = out.accumulate ? out.data[i] + value : value;
    }
  }
};

}  // namespace lockstep::cpu
