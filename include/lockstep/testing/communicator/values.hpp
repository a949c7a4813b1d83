// What the checks of a communicator send: numbers that tell where they come from, and what must arrive.
#pragma once

#include <lockstep/comm/reduction.hpp>
#include <lockstep/core/dtype.hpp>
#include <lockstep/core/half.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

namespace lockstep::testing::detail {

template <class Function>
void for_each_element_type(Function function) {
  function(float{});
  function(double{});
  function(BFloat16{});
  function(Float16{});
  function(std::int32_t{});
  function(std::int64_t{});
  function(std::uint8_t{});
}

/// Around every boundary at which an implementation may change its ways, and some odd numbers between; fewer for types
/// that take the same ways as float.
template <class T>
std::span<const std::size_t> lengths() {
  static constexpr std::size_t all[] = {0,  1,  2,  3,  5,   6,   7,   11,   12,   13,    16,
                                        17, 63, 64, 65, 255, 511, 513, 1000, 4099, 20'011};
  static constexpr std::size_t some[] = {0, 1, 3, 7, 13, 65, 257, 1025, 20'011};
  return std::is_same_v<T, float> ? std::span<const std::size_t>(all) : std::span<const std::size_t>(some);
}

/// A type that holds sums and products of small values exactly; results are rounded to T once.
template <class T>
using Wide = std::conditional_t<sizeof(T) == 2, float, T>;

template <class T>
T rounded(Wide<T> value) {
  return static_cast<T>(value);
}

/// Tells ranks, indices and neighbouring messages apart; 0 to 126, which every element type holds.
template <class T>
T mark(int source, std::size_t index) {
  const std::size_t value = (static_cast<std::size_t>(source) * 29 + index * 5 + index / 97) % 127;
  return rounded<T>(static_cast<Wide<T>>(value));
}

template <class T>
void fill_marks(std::span<T> buffer, int source) {
  for (std::size_t i = 0; i < buffer.size(); ++i) buffer[i] = mark<T>(source, i);
}

/// `small_value` repeats itself after so many indices; a prime, so that no implementation cuts buffers there.
inline constexpr std::size_t small_period = 61;

/// 1, 2 or 3: sums and products over a few ranks are exact in every order.
template <class T>
T small_value(int rank, std::size_t index) {
  const std::size_t i = index % small_period;
  const std::size_t mixed = (static_cast<std::size_t>(rank) + 2) * (i * i + 3 * i + 1) % small_period;
  return rounded<T>(static_cast<Wide<T>>(1 + mixed % 3));
}

template <class T>
void fill_small(std::span<T> buffer, int rank) {
  for (std::size_t i = 0; i < buffer.size(); ++i) buffer[i] = small_value<T>(rank, i);
}

/// The reduction of the ranks' small values, as a function of the index.
template <class T>
auto expected_small(Reduction reduction, int size, std::size_t first = 0) {
  std::array<T, small_period> table;
  for (std::size_t i = 0; i < small_period; ++i) {
    Wide<T> result = small_value<T>(0, i);
    for (int rank = 1; rank < size; ++rank) {
      const Wide<T> next = small_value<T>(rank, i);
      if (reduction == Reduction::min) {
        result = std::min(result, next);
      } else if (reduction == Reduction::max) {
        result = std::max(result, next);
      } else if (reduction == Reduction::product) {
        result = static_cast<Wide<T>>(result * next);
      } else {
        result = static_cast<Wide<T>>(result + next);
      }
    }
    if (reduction == Reduction::mean) result = static_cast<Wide<T>>(result / static_cast<Wide<T>>(size));
    table[i] = rounded<T>(result);
  }
  return [table, first](std::size_t index) { return table[(first + index) % small_period]; };
}

/// A fraction in [-1, 1) with all bits of a float in use, so that the order of summing shows.
inline float fraction(int rank, std::size_t index) {
  std::uint64_t bits = (static_cast<std::uint64_t>(rank) << 40 | index) + 0x9e3779b97f4a7c15U;
  bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9U;
  bits = (bits ^ bits >> 27) * 0x94d049bb133111ebU;
  return static_cast<float>(static_cast<std::int32_t>((bits ^ bits >> 31) >> 32)) * 0x1p-31f;
}

/// Runs `function(span)` on a buffer from allocate() at an odd offset, and on one from the heap: both are aligned for
/// their elements and for nothing more.
template <class T, class C, class Function>
void on_both_memories(C& communicator, std::size_t count, Function function) {
  typename C::Memory memory = communicator.allocate((count + 3) * sizeof(T));
  function(std::span<T>(reinterpret_cast<T*>(memory.data()) + 3, count));
  std::vector<T> heap(count + 1);
  function(std::span<T>(heap).subspan(1));
}

}  // namespace lockstep::testing::detail
