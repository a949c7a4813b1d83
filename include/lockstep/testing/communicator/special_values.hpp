// Numbers that are easily lost: NaN, infinity, and the last bits of 16-bit sums.
#pragma once

#include <lockstep/comm/communicator.hpp>
#include <lockstep/testing/communicator/expect.hpp>
#include <lockstep/testing/communicator/values.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace lockstep::testing {

namespace detail {

/// A number that both 16-bit types hold, of a sign and size of its own. Sums of some hundred are exact in float, in any
/// order, but not in 16 bits.
template <class T>
T uneven(int rank, std::size_t index) {
  const std::uint64_t bits = (static_cast<std::uint64_t>(rank) * 7919 + index) * 0x9e3779b97f4a7c15U >> 32;
  const auto digits = static_cast<float>(static_cast<std::int32_t>(bits & 511) - 255);
  return rounded<T>(static_cast<Wide<T>>(digits / static_cast<float>(1 << (bits >> 9 & 7))));
}

}  // namespace detail

/// NaN and infinity of one rank arrive at all ranks.
template <Communicator C>
void check_special_values(C& communicator) {
  const char* check = "special values";
  const int last = communicator.size() - 1;
  detail::for_each_element_type([&]<class T>(T) {
    if constexpr (std::floating_point<detail::Wide<T>>) {
      const T nan = static_cast<T>(std::numeric_limits<float>::quiet_NaN());
      const T infinity = static_cast<T>(std::numeric_limits<float>::infinity());
      for (const std::size_t count : {std::size_t{3}, std::size_t{3000}}) {
        for (const Reduction reduction : {Reduction::sum, Reduction::min, Reduction::max}) {
          std::vector<T> values(count, T{1.0f});
          if (communicator.rank() == 0) values[0] = nan;
          if (communicator.rank() == last) values[1] = nan;
          communicator.all_reduce(std::span<T>(values), reduction);
          detail::expect(values[0] != values[0] && values[1] != values[1], check, communicator, "a NaN was lost in ",
                         reduction, " of ", dtype_of<T>);
        }
        std::vector<T> values(count, T{1.0f});
        if (communicator.rank() == last) values[count - 1] = infinity;
        communicator.all_reduce(std::span<T>(values));
        detail::expect(values[count - 1] == infinity, check, communicator, "infinity was lost in ", dtype_of<T>);
      }
    }
  });
}

/// Numbers of 16 bits are added up in float and rounded once, whatever way they take.
template <Communicator C>
void check_half_precision(C& communicator) {
  const char* check = "half precision";
  const int size = communicator.size(), rank = communicator.rank();
  const auto sum = [&]<class T>(T, std::size_t index) {
    float result = 0;
    for (int source = 0; source < size; ++source) result += detail::uneven<T>(source, index);
    return result;
  };
  const auto check_type = [&]<class T>(T type) {
    for (const std::size_t count : {std::size_t{5}, std::size_t{100}, std::size_t{3001}, std::size_t{70'001}}) {
      detail::on_both_memories<T>(communicator, count, [&](std::span<T> buffer) {
        for (const Reduction reduction : {Reduction::sum, Reduction::mean}) {
          const float scale = reduction == Reduction::mean ? 1.0f / static_cast<float>(size) : 1.0f;
          const auto expected = [&](std::size_t i) { return T{sum(type, i) * scale}; };
          for (std::size_t i = 0; i < count; ++i) buffer[i] = detail::uneven<T>(rank, i);
          std::vector<T> result(count);
          communicator.reduce(buffer, std::span<T>(result), size - 1, reduction);
          if (rank == size - 1) {
            detail::expect_elements(std::span<T>(result), expected, check, communicator, "reduce, ", reduction);
          }
          communicator.all_reduce(buffer, reduction);
          detail::expect_elements(buffer, expected, check, communicator, "all_reduce, ", reduction);
        }
      });
    }
    std::vector<T> input(static_cast<std::size_t>(size) * 500), output(500);
    for (std::size_t i = 0; i < input.size(); ++i) input[i] = detail::uneven<T>(rank, i);
    communicator.reduce_scatter(input, std::span<T>(output));
    const std::size_t first = static_cast<std::size_t>(rank) * 500;
    detail::expect_elements(
        std::span<T>(output), [&](std::size_t i) { return T{sum(type, first + i)}; }, check, communicator,
        "reduce_scatter");
  };
  check_type(BFloat16{});
  check_type(Float16{});

  Float16 largest{65504.0f};  // the sum is beyond Float16, the mean is not
  communicator.all_reduce(std::span<Float16>(&largest, 1), Reduction::mean);
  detail::expect(largest == 65504.0f, check, communicator, "the mean of the largest float16 is ", float{largest});
}

}  // namespace lockstep::testing
