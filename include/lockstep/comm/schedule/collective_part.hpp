// What a schedule is written from: the same numbers on every rank, but for the rank. And how a vector is cut.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace lockstep::detail {

/// One rank's part in a collective.
struct CollectivePart {
  int rank = 0;
  int size = 1;
  /// Elements of the buffer (all_reduce, reduce, broadcast), or of one rank's piece (the others).
  std::uint64_t count = 0;
  std::size_t element = 4;  ///< Bytes of an element.
  int root = 0;
  /// Partial results are not sent: for types that are accumulated in a wider one and rounded once.
  bool one_pass = false;

  /// Elements in 64 bytes: vectors are cut at multiples of it where the ranks may choose.
  constexpr std::uint64_t line() const { return element >= 64 ? 1 : 64 / element; }
  constexpr std::uint64_t bytes() const { return count * element; }

  constexpr std::uint64_t pieces() const { return count * static_cast<std::uint64_t>(size); }
  constexpr std::uint64_t piece_at(int owner) const { return count * static_cast<std::uint64_t>(owner); }
  /// The rank `distance` places after this one, cyclically.
  constexpr int after(int distance) const {
    const int next = rank + distance;
    return next < size ? next : next - size;
  }
  constexpr int before(int distance) const { return rank >= distance ? rank - distance : rank - distance + size; }
};

/// Where slice `index` of `slices` begins; `index == slices` gives the end. Slices of slices need no other function:
/// the slices [2k, 2k + 2) of 2n are slice k of n. Counts stay below 2^44 and slices below 2^16, so nothing overflows.
constexpr std::uint64_t cut(std::uint64_t count, std::uint64_t line, int slices, int index) {
  const std::uint64_t lines = (count + line - 1) / line;
  return std::min(count, lines * static_cast<std::uint64_t>(index) / static_cast<std::uint64_t>(slices) * line);
}

/// Halvings that end with blocks of `size` ranks: ceil(log2(size)).
constexpr int tree_height(int size) { return static_cast<int>(std::bit_width(static_cast<unsigned>(size - 1))); }

/// The low `bits` bits of `value` in reverse: distance-doubling halving leaves slice `reversed(rank)` with `rank`.
constexpr int reversed(int value, int bits) {
  int result = 0;
  for (int bit = 0; bit < bits; ++bit) result |= (value >> bit & 1) << (bits - 1 - bit);
  return result;
}

}  // namespace lockstep::detail
