// The argument checks that every communicator makes before it sends anything; the texts say what to change.
#pragma once

#include <lockstep/comm/call/fingerprint.hpp>
#include <lockstep/comm/reduction.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace lockstep::detail {

/// Integers have no mean that loses nothing.
template <class T>
void check_reduction(const char* collective, Reduction reduction) {
  if (reduction > Reduction::product) {
    throw ArgumentError(concat(collective, ": ", static_cast<int>(reduction), " is no Reduction"));
  }
  if (std::integral<T> && reduction == Reduction::mean) {
    throw ArgumentError(concat(collective, "<", dtype_of<T>,
                               ">: the mean of integers is not an integer; reduce with Reduction::sum and divide"));
  }
}

inline void check_count(const char* collective, std::size_t count) {
  if (count > Fingerprint::max_count) {
    throw ArgumentError(concat(collective, ": ", count, " elements are more than one call can carry (",
                               Fingerprint::max_count, "); call it for parts of the buffer"));
  }
}

/// `whole` must be `size` pieces.
LOCKSTEP_ON_DEMAND void check_equal_pieces(const char* collective, const char* whole_name, std::size_t whole,
                                           const char* piece_name, std::size_t piece, int size) {
  check_count(collective, piece);
  if (whole != piece * static_cast<std::size_t>(size)) {
    throw ArgumentError(concat(collective, ": with ", size, " ranks and an ", piece_name, " of ", piece,
                               " elements the ", whole_name, " must have ", piece * static_cast<std::size_t>(size),
                               " elements, got ", whole));
  }
}

LOCKSTEP_ON_DEMAND void check_counts(std::span<const std::int64_t> counts, std::size_t input, std::size_t output,
                                     int rank, int size) {
  if (counts.size() != static_cast<std::size_t>(size)) {
    throw ArgumentError(
        concat("all_gather_ragged: expected one count for each of ", size, " ranks, got ", counts.size(), " counts"));
  }
  std::size_t total = 0;
  for (std::size_t peer = 0; peer < counts.size(); ++peer) {
    if (counts[peer] < 0) {
      throw ArgumentError(
          concat("all_gather_ragged: counts[", peer, "] is ", counts[peer], "; a count is never negative"));
    }
    check_count("all_gather_ragged", static_cast<std::size_t>(counts[peer]));
    total += static_cast<std::size_t>(counts[peer]);
  }
  const std::int64_t own = counts[static_cast<std::size_t>(rank)];
  if (input != static_cast<std::size_t>(own)) {
    throw ArgumentError(concat("all_gather_ragged: counts[", rank, "] is ", own, " but the input of rank ", rank,
                               " has ", input, " elements"));
  }
  if (output != total) {
    throw ArgumentError(
        concat("all_gather_ragged: the counts add up to ", total, " but the output has ", output, " elements"));
  }
}

LOCKSTEP_ON_DEMAND void check_same_length(const char* collective, std::size_t input, std::size_t output) {
  if (input != output) {
    throw ArgumentError(
        concat(collective, ": the output must be as long as the input, ", input, " elements, got ", output));
  }
}

LOCKSTEP_ON_DEMAND void check_divisible(const char* collective, std::size_t count, int size) {
  if (count % static_cast<std::size_t>(size) != 0) {
    throw ArgumentError(
        concat(collective, ": ", count, " elements cannot be cut into equal pieces for ", size, " ranks"));
  }
}

inline void check_root(const char* collective, int root, int size) {
  if (root < 0 || root >= size) {
    throw ArgumentError(concat(collective, ": root is ", root, "; the ranks are 0 to ", size - 1));
  }
}

LOCKSTEP_ON_DEMAND void check_peer(const char* collective, const char* role, int peer, int rank, int size) {
  if (peer < 0 || peer >= size) {
    throw ArgumentError(concat(collective, ": ", role, " is ", peer, "; the ranks are 0 to ", size - 1));
  }
  if (peer == rank) {
    throw ArgumentError(concat(collective, ": ", role, " is ", peer, ", this rank itself; copy the buffer instead"));
  }
}

inline void check_color(int color) {
  if (color < 0) throw ArgumentError(concat("split: color must not be negative, got ", color));
}

}  // namespace lockstep::detail
