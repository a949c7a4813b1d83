// all_gather, all_gather_ragged and gather: the ranks' buffers, one after another.
#pragma once

#include <lockstep/comm/communicator.hpp>
#include <lockstep/testing/communicator/expect.hpp>
#include <lockstep/testing/communicator/values.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lockstep::testing {

namespace detail {

/// `gathered` holds `count` marks of each rank.
template <class T, class C>
void expect_gathered(std::span<T> gathered, std::size_t count, const char* check, const C& communicator) {
  for (int source = 0; source < communicator.size(); ++source) {
    expect_elements(
        gathered.subspan(static_cast<std::size_t>(source) * count, count),
        [&](std::size_t i) { return mark<T>(source, i); }, check, communicator, "the piece of rank ", source);
  }
}

}  // namespace detail

/// From other memory and from the own piece of the output.
template <Communicator C>
void check_all_gather(C& communicator) {
  const char* check = "all_gather";
  const auto size = static_cast<std::size_t>(communicator.size());
  const auto rank = static_cast<std::size_t>(communicator.rank());
  detail::for_each_element_type([&]<class T>(T) {
    for (const std::size_t count : detail::lengths<T>()) {
      detail::on_both_memories<T>(communicator, count * size, [&](std::span<T> output) {
        for (const bool in_place : {false, true}) {
          std::fill(output.begin(), output.end(), T{});
          std::vector<T> other(count);
          const std::span<T> input = in_place ? output.subspan(rank * count, count) : std::span<T>(other);
          detail::fill_marks(input, communicator.rank());
          communicator.all_gather(input, output);
          detail::expect_gathered(output, count, check, communicator);
        }
      });
    }
  });
}

/// Ranks bring different numbers of elements, some of them none; from other memory and from their place in the output.
template <Communicator C>
void check_all_gather_ragged(C& communicator) {
  const char* check = "all_gather_ragged";
  const int size = communicator.size();
  for (const std::int64_t scale : {0, 1, 7, 1000, 80'000 / size}) {
    for (const int empty : {-1, 0, size - 1}) {
      std::vector<std::int64_t> counts;
      std::vector<std::size_t> places{0};
      for (int rank = 0; rank < size; ++rank) {
        counts.push_back(rank == empty ? 0 : scale * (rank + 1) - (rank > 0 && scale > 0 ? 1 : 0));
        places.push_back(places.back() + static_cast<std::size_t>(counts.back()));
      }
      const auto own = static_cast<std::size_t>(communicator.rank());
      detail::on_both_memories<double>(communicator, places.back(), [&](std::span<double> output) {
        for (const bool in_place : {false, true}) {
          std::fill(output.begin(), output.end(), 0.0);
          std::vector<double> other(static_cast<std::size_t>(counts[own]));
          const std::span<double> input = in_place ? output.subspan(places[own], other.size()) : std::span(other);
          detail::fill_marks(input, communicator.rank());
          communicator.all_gather_ragged(input, output, counts);
          for (int source = 0; source < size; ++source) {
            const auto index = static_cast<std::size_t>(source);
            detail::expect_elements(
                output.subspan(places[index], static_cast<std::size_t>(counts[index])),
                [&](std::size_t i) { return detail::mark<double>(source, i); }, check, communicator,
                "the part of rank ", source);
          }
        }
      });
    }
  }
}

/// To each rank, from other memory and from the own piece of the output.
template <Communicator C>
void check_gather(C& communicator) {
  const char* check = "gather";
  const auto size = static_cast<std::size_t>(communicator.size());
  const auto rank = static_cast<std::size_t>(communicator.rank());
  int root = 0;
  detail::for_each_element_type([&]<class T>(T) {
    for (const std::size_t count : detail::lengths<T>()) {
      root = (root + 1) % communicator.size();
      const bool is_root = communicator.rank() == root;
      detail::on_both_memories<T>(communicator, count * size, [&](std::span<T> memory) {
        for (const bool in_place : {false, true}) {
          std::fill(memory.begin(), memory.end(), T{});
          std::vector<T> other(count);
          const std::span<T> input = in_place ? memory.subspan(rank * count, count) : std::span<T>(other);
          detail::fill_marks(input, communicator.rank());
          communicator.gather(input, is_root ? memory : std::span<T>(), root);
          if (is_root) detail::expect_gathered(memory, count, check, communicator);
          const int own = communicator.rank();
          detail::expect_elements(
              input, [&](std::size_t i) { return detail::mark<T>(own, i); }, check, communicator,
              "the input, after it was gathered on rank ", root);
        }
      });
    }
  });
}

}  // namespace lockstep::testing
