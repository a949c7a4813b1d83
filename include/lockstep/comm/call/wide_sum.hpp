// Sums of a few inputs in one pass, with the widest vectors that the processor at hand has, whatever the program was
// compiled for: within the caches, bytes per instruction are what bounds an all-reduce, and compilers' default is a
// quarter of what today's processors do. Each element is added up in the canonical order, so the bits are the same.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <type_traits>

namespace lockstep::detail {

/// What `wide_sum` adds up without help.
template <class T>
concept WideSummable = std::same_as<T, float> || std::same_as<T, double> || std::integral<T>;

constexpr bool is_wide_sum(int ranks) { return (ranks >= 2 && ranks <= 4) || ranks == 8; }

/// A vector of that many bytes, at any address (the sanitizers' stacks do not align what is wide). Integers are
/// unsigned: signed overflow would be undefined.
template <class T, std::size_t bytes, bool integral = std::integral<T>>
struct SumVector {
  typedef T Type __attribute__((vector_size(bytes), aligned(alignof(T))));
  Type value;
};
template <class T, std::size_t bytes>
struct SumVector<T, bytes, true> {
  using Element = std::make_unsigned_t<T>;
  typedef Element Type __attribute__((vector_size(bytes), aligned(alignof(T))));
  Type value;
};

/// sum = tree of inputs first..first + ranks - 1, at `offset`. By reference: how wide vectors are passed by value
/// depends on what the caller was compiled for.
template <int first, int ranks, class Vector>
[[gnu::always_inline]] inline void add_tree(const std::byte* const* inputs, std::size_t offset, Vector& sum) {
  if constexpr (ranks == 1) {
    std::memcpy(&sum, inputs[first] + offset, sizeof sum);
  } else {
    constexpr int half = static_cast<int>(std::bit_floor(static_cast<unsigned>(ranks - 1)));
    Vector rest;
    add_tree<first, half>(inputs, offset, sum);
    add_tree<first + half, ranks - half>(inputs, offset, rest);
    sum.value += rest.value;
  }
}

template <class T, std::size_t width, int ranks>
[[gnu::always_inline]] inline void add_inputs(const std::byte* const* inputs, std::byte* const* outputs,
                                              int output_count, std::size_t bytes, [[maybe_unused]] T scale) {
  const std::byte* in[ranks];  // in registers: what is stored could be the array of pointers, for all a compiler knows
  for (int rank = 0; rank < ranks; ++rank) in[rank] = inputs[rank];
  std::byte* const one = outputs[0];
  std::byte* const another = outputs[output_count > 1 ? 1 : 0];
  for (std::size_t offset = 0; offset < bytes; offset += width) {
    SumVector<T, width> sum;
    add_tree<0, ranks>(in, offset, sum);
    if constexpr (std::floating_point<T>) sum.value *= scale;
    std::memcpy(one + offset, &sum, width);
    std::memcpy(another + offset, &sum, width);
    for (int output = 2; output < output_count; ++output) std::memcpy(outputs[output] + offset, &sum, width);
  }
}

template <class T, std::size_t width>
[[gnu::always_inline]] inline void add_few(const std::byte* const* inputs, int ranks, std::byte* const* outputs,
                                           int output_count, std::size_t bytes, T scale) {
  if (ranks == 2) return add_inputs<T, width, 2>(inputs, outputs, output_count, bytes, scale);
  if (ranks == 3) return add_inputs<T, width, 3>(inputs, outputs, output_count, bytes, scale);
  if (ranks == 4) return add_inputs<T, width, 4>(inputs, outputs, output_count, bytes, scale);
  add_inputs<T, width, 8>(inputs, outputs, output_count, bytes, scale);
}

#if defined(__x86_64__)
template <class T>
[[gnu::target("avx512f")]] void add_few_avx512(const std::byte* const* inputs, int ranks, std::byte* const* outputs,
                                               int output_count, std::size_t bytes, T scale) {
  add_few<T, 64>(inputs, ranks, outputs, output_count, bytes, scale);
}

template <class T>
[[gnu::target("avx2")]] void add_few_avx2(const std::byte* const* inputs, int ranks, std::byte* const* outputs,
                                          int output_count, std::size_t bytes, T scale) {
  add_few<T, 32>(inputs, ranks, outputs, output_count, bytes, scale);
}
#endif

/// Stores scale * (inputs[0] + ... + inputs[ranks - 1]) at every output, for all whole cache lines of `count` elements;
/// returns how many elements that are. Outputs may be inputs; `is_wide_sum(ranks)`. Integers are not scaled.
template <WideSummable T>
std::size_t wide_sum(const std::byte* const* inputs, int ranks, std::byte* const* outputs, int output_count,
                     std::size_t count, T scale) {
  const std::size_t bytes = count * sizeof(T) / 64 * 64;
  if (bytes == 0) return 0;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) {
    add_few_avx512<T>(inputs, ranks, outputs, output_count, bytes, scale);
    return bytes / sizeof(T);
  }
  if (__builtin_cpu_supports("avx2")) {
    add_few_avx2<T>(inputs, ranks, outputs, output_count, bytes, scale);
    return bytes / sizeof(T);
  }
#endif
  add_few<T, 16>(inputs, ranks, outputs, output_count, bytes, scale);
  return bytes / sizeof(T);
}

}  // namespace lockstep::detail
