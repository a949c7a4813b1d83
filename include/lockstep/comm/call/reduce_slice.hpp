// The one place where elements of several ranks are combined, always in the canonical order, so that the bits of a
// result depend on nothing but the inputs and the number of ranks.
#pragma once

#include <lockstep/comm/call/wide_sum.hpp>
#include <lockstep/comm/reduction.hpp>
#include <lockstep/core/half.hpp>

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <type_traits>

namespace lockstep::detail {

struct Sum {
  template <class T>
  static T combine(T a, T b) {
    if constexpr (std::integral<T>) {  // unsigned: signed overflow would be undefined
      using Unsigned = std::make_unsigned_t<T>;
      return static_cast<T>(static_cast<Unsigned>(static_cast<Unsigned>(a) + static_cast<Unsigned>(b)));
    } else {
      return a + b;
    }
  }
};

struct Product {
  template <class T>
  static T combine(T a, T b) {
    if constexpr (std::integral<T>) {
      using Unsigned = std::make_unsigned_t<T>;
      return static_cast<T>(static_cast<Unsigned>(static_cast<Unsigned>(a) * static_cast<Unsigned>(b)));
    } else {
      return a * b;
    }
  }
};

// A NaN on either side comes out: comparisons with it are false, and only a NaN differs from itself.
struct Min {
  template <class T>
  static T combine(T a, T b) {
    return a < b || a != a ? a : b;
  }
};

struct Max {
  template <class T>
  static T combine(T a, T b) {
    return a > b || a != a ? a : b;
  }
};

/// What elements are added up in: 16-bit numbers in float, so that a result is rounded once.
template <class T>
struct AccumulatorOf {
  using Type = T;
};
template <>
struct AccumulatorOf<BFloat16> {
  using Type = float;
};
template <>
struct AccumulatorOf<Float16> {
  using Type = float;
};
template <class T>
using Accumulator = typename AccumulatorOf<T>::Type;

/// Elements that are combined at a time: small enough for all partial results to stay in the first-level cache.
template <class T>
inline constexpr std::size_t reduce_block = 2048 / sizeof(T);

/// out[i] = combine(i) for all i. The inner count is constant, so that compilers vectorise it without -O3.
template <class T, class Element>
void for_lanes(std::size_t count, T* __restrict out, Element element) {
  constexpr std::size_t lanes = 64 / sizeof(T);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) out[i + lane] = element(i + lane);
  }
  for (; i < count; ++i) out[i] = element(i);
}

/// The canonical order. `n` inputs are combined as tree(first half) with tree(rest), where the first half is the
/// largest power of two below n: 3 ranks give (0 1) 2, 6 ranks give ((0 1) (2 3)) (4 5). For powers of two it is the
/// tree that recursive halving builds, for other counts the one that a binary counter builds.
template <class Combine, class T, class A = Accumulator<T>>
void reduce_tree(const std::byte* const* inputs, int n, std::size_t offset, std::size_t count, A* __restrict out) {
  const auto input = [&](int rank) { return reinterpret_cast<const T*>(inputs[rank]) + offset; };
  const auto combine = [](A left, A right) { return Combine::combine(left, right); };
  const T* a = input(0);
  if (n == 1) {
    for_lanes(count, out, [=](std::size_t i) { return static_cast<A>(a[i]); });
  } else if (n == 2) {
    const T* b = input(1);
    for_lanes(count, out, [=](std::size_t i) { return combine(a[i], b[i]); });
  } else if (n == 3) {
    const T *b = input(1), *c = input(2);
    for_lanes(count, out, [=](std::size_t i) { return combine(combine(a[i], b[i]), c[i]); });
  } else if (n == 4) {
    const T *b = input(1), *c = input(2), *d = input(3);
    for_lanes(count, out, [=](std::size_t i) { return combine(combine(a[i], b[i]), combine(c[i], d[i])); });
  } else {
    const int first_half = static_cast<int>(std::bit_floor(static_cast<unsigned>(n - 1)));
    alignas(64) A rest[reduce_block<A>];
    reduce_tree<Combine, T>(inputs, first_half, offset, count, out);
    reduce_tree<Combine, T>(inputs + first_half, n - first_half, offset, count, rest);
    const A* __restrict right = rest;
    for_lanes(count, out, [=](std::size_t i) { return combine(out[i], right[i]); });
  }
}

/// What turns a sum over `ranks` ranks into their mean.
template <std::floating_point A>
void scale_by_ranks(A* sums, std::size_t count, int ranks) {
  const A scale = A{1} / static_cast<A>(ranks);
  for_lanes(count, sums, [=](std::size_t i) { return sums[i] * scale; });
}

/// The same for engines that combine in several steps: sums of type `Accumulator<T>`, as bytes.
template <class T>
void scale_sums(std::byte* sums, std::size_t count, int ranks) {
  if constexpr (std::floating_point<Accumulator<T>>) {
    scale_by_ranks(reinterpret_cast<Accumulator<T>*>(sums), count, ranks);
  }
}

/// Combines `count` elements of `ranks` inputs and stores the result at every output; outputs may be inputs.
template <class T>
void reduce_slice(Reduction reduction, const std::byte* const* inputs, int ranks, std::byte* const* outputs,
                  int output_count, std::size_t count) {
  using A = Accumulator<T>;
  alignas(64) A result[reduce_block<A>];
  std::size_t done = 0;
  if constexpr (WideSummable<T>) {
    if (is_wide_sum(ranks) && (reduction == Reduction::sum || reduction == Reduction::mean)) {
      const bool mean = std::floating_point<T> && reduction == Reduction::mean;
      const T scale = mean ? T{1} / static_cast<T>(ranks) : T{1};
      done = wide_sum<T>(inputs, ranks, outputs, output_count, count, scale);
    }
  }
  for (std::size_t offset = done; offset < count; offset += reduce_block<A>) {
    const std::size_t length = std::min(reduce_block<A>, count - offset);
    switch (reduction) {
      case Reduction::sum:
      case Reduction::mean:
        reduce_tree<Sum, T>(inputs, ranks, offset, length, result);
        break;
      case Reduction::min:
        reduce_tree<Min, T>(inputs, ranks, offset, length, result);
        break;
      case Reduction::max:
        reduce_tree<Max, T>(inputs, ranks, offset, length, result);
        break;
      case Reduction::product:
        reduce_tree<Product, T>(inputs, ranks, offset, length, result);
        break;
    }
    if constexpr (std::floating_point<A>) {
      if (reduction == Reduction::mean) scale_by_ranks(result, length, ranks);
    }
    const void* finished = result;
    alignas(64) T rounded[std::is_same_v<T, A> ? 1 : reduce_block<A>];
    if constexpr (!std::is_same_v<T, A>) {
      for_lanes(length, rounded, [&](std::size_t i) { return static_cast<T>(result[i]); });
      finished = rounded;
    }
    for (int output = 0; output < output_count; ++output) {
      std::memcpy(outputs[output] + offset * sizeof(T), finished, length * sizeof(T));
    }
  }
}

using ScaleSums = void (*)(std::byte*, std::size_t, int);
using ReduceSlice = void (*)(Reduction, const std::byte* const*, int, std::byte* const*, int, std::size_t);

}  // namespace lockstep::detail
