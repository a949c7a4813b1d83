// Elementwise loops over equally long arrays. The function object carries the mathematics, so the compiler sees one
// plain loop per operation and vectorises it.
#pragma once

#include <lockstep/kernels/destination.hpp>
#include <lockstep/tensor/cpu.hpp>

#include <cstdint>

namespace lockstep::cpu {

struct Elementwise {
  /// out[i] = function(in[i]...) for i in [0, count); adds instead when the destination accumulates.
  /// The output must not overlap an input.
  template <class T, class Function, class... Inputs>
  [[gnu::flatten]] static void map(Cpu&, std::int64_t count, Destination<T> out, Function function,
                                   const Inputs* __restrict... in) {
    T* __restrict result = out.data;
    if (out.accumulate) {
      for (std::int64_t i = 0; i < count; ++i) result[i] += function(in[i]...);
    } else {
      for (std::int64_t i = 0; i < count; ++i) result[i] = function(in[i]...);
    }
  }

  /// out[i] = value.
  template <class T>
  static void fill(Cpu&, std::int64_t count, Destination<T> out, T value) {
    T* __restrict result = out.data;
    if (out.accumulate) {
      for (std::int64_t i = 0; i < count; ++i) result[i] += value;
    } else {
      for (std::int64_t i = 0; i < count; ++i) result[i] = value;
    }
  }

  /// values[i] *= factor, in place.
  template <class T>
  static void scale(Cpu&, std::int64_t count, T* values, T factor) {
    for (std::int64_t i = 0; i < count; ++i) values[i] *= factor;
  }

  /// Whether every element is a finite number.
  template <class T>
  static bool all_finite(Cpu&, std::int64_t count, const T* in) {
    constexpr std::int64_t lanes = 32;  // independent sums, so that they become vectors
    T sums[lanes] = {};                 // x * 0 is 0 for finite x and NaN otherwise: no branch in the loop
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes) {
      for (std::int64_t l = 0; l < lanes; ++l) sums[l] += in[i + l] * T(0);
    }
    const std::int64_t rest = count - i;
    for (std::int64_t l = 0; l < rest; ++l) sums[l] += in[i + l] * T(0);
    for (std::int64_t l = 1; l < lanes; ++l) sums[0] += sums[l];
    return sums[0] == T(0);
  }
};

}  // namespace lockstep::cpu
