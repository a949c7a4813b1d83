// all_reduce, reduce and reduce_scatter: every type, operation and length, in both kinds of memory.
#pragma once

#include <lockstep/comm/communicator.hpp>
#include <lockstep/testing/communicator/expect.hpp>
#include <lockstep/testing/communicator/values.hpp>

#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

namespace lockstep::testing {

namespace detail {

inline constexpr Reduction all_reductions[] = {Reduction::sum, Reduction::mean, Reduction::min, Reduction::max,
                                               Reduction::product};

/// All ranks hold the same bits.
template <class C>
void expect_same_bits(C& communicator, const char* check, std::span<const float> values) {
  const auto size = static_cast<std::size_t>(communicator.size());
  std::vector<float> all(values.size() * size);
  communicator.all_gather(values, std::span<float>(all));
  for (std::size_t rank = 0; rank < size && !values.empty(); ++rank) {
    expect(std::memcmp(all.data() + rank * values.size(), values.data(), values.size_bytes()) == 0, check, communicator,
           "rank ", rank, " has other bits for a result of ", values.size(), " elements");
  }
}

}  // namespace detail

/// Every element type, reduction and length, in both kinds of memory; all ranks get the same bits.
template <Communicator C>
void check_all_reduce(C& communicator) {
  const char* check = "all_reduce";
  detail::for_each_element_type([&]<class T>(T) {
    for (const Reduction reduction : detail::all_reductions) {
      if (std::integral<T> && reduction == Reduction::mean) continue;
      const auto expected = detail::expected_small<T>(reduction, communicator.size());
      for (const std::size_t count : detail::lengths<T>()) {
        detail::on_both_memories<T>(communicator, count, [&](std::span<T> buffer) {
          detail::fill_small(buffer, communicator.rank());
          communicator.all_reduce(buffer, reduction);
          detail::expect_elements(buffer, expected, check, communicator, reduction);
        });
      }
    }
  });
  std::vector<float> values(10'007);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = detail::fraction(communicator.rank(), i);
  communicator.all_reduce(std::span<float>(values));
  detail::expect_same_bits(communicator, check, values);
}

/// To each rank, into other memory and into the input itself; the inputs of the others are left alone.
template <Communicator C>
void check_reduce(C& communicator) {
  const char* check = "reduce";
  int root = 0;
  detail::for_each_element_type([&]<class T>(T) {
    for (const Reduction reduction : detail::all_reductions) {
      if (std::integral<T> && reduction == Reduction::mean) continue;
      const auto expected = detail::expected_small<T>(reduction, communicator.size());
      for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{13}, std::size_t{513},
                                      std::size_t{1025}, std::size_t{20'011}}) {
        root = (root + 1) % communicator.size();
        const bool is_root = communicator.rank() == root;
        detail::on_both_memories<T>(communicator, count, [&](std::span<T> input) {
          for (const bool in_place : {false, true}) {
            detail::fill_small(input, communicator.rank());
            std::vector<T> other(is_root ? count : 0);
            const std::span<T> output = is_root && in_place ? input : std::span<T>(other);
            communicator.reduce(input, output, root, reduction);
            if (is_root) detail::expect_elements(output, expected, check, communicator, reduction, " to rank ", root);
            if (is_root && in_place) continue;
            detail::expect_elements(
                input, [&](std::size_t i) { return detail::small_value<T>(communicator.rank(), i); }, check,
                communicator, "the input, after it was reduced to rank ", root);
          }
        });
      }
    }
  });
}

/// Into other memory and into the own piece of the input; the rest of the input is left alone.
template <Communicator C>
void check_reduce_scatter(C& communicator) {
  const char* check = "reduce_scatter";
  const auto size = static_cast<std::size_t>(communicator.size());
  const auto rank = static_cast<std::size_t>(communicator.rank());
  std::size_t turn = 0;
  detail::for_each_element_type([&]<class T>(T) {
    for (const std::size_t count : detail::lengths<T>()) {
      Reduction reduction = detail::all_reductions[turn++ % 5];
      if (std::integral<T> && reduction == Reduction::mean) reduction = Reduction::sum;
      const auto expected = detail::expected_small<T>(reduction, communicator.size(), rank * count);
      detail::on_both_memories<T>(communicator, count * size, [&](std::span<T> input) {
        for (const bool in_place : {false, true}) {
          detail::fill_small(input, communicator.rank());
          std::vector<T> other(count);
          const std::span<T> output = in_place ? input.subspan(rank * count, count) : std::span<T>(other);
          communicator.reduce_scatter(input, output, reduction);
          detail::expect_elements(output, expected, check, communicator, reduction);
          detail::expect_elements(
              input,
              [&](std::size_t i) {
                const bool own = in_place && i >= rank * count && i < (rank + 1) * count;
                return own ? input[i] : detail::small_value<T>(communicator.rank(), i);
              },
              check, communicator, "the input, after it was reduced");
        }
      });
    }
  });
}

}  // namespace lockstep::testing
