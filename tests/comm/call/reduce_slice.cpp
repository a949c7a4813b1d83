#include <lockstep/comm/call/reduce_slice.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

namespace ls = lockstep;

namespace {

template <class T>
std::vector<T> reduce(ls::Reduction reduction, std::vector<std::vector<T>> inputs) {
  std::vector<const std::byte*> pointers;
  for (const auto& input : inputs) pointers.push_back(reinterpret_cast<const std::byte*>(input.data()));
  std::vector<T> result(inputs[0].size());
  std::byte* out = reinterpret_cast<std::byte*>(result.data());
  ls::detail::reduce_slice<T>(reduction, pointers.data(), static_cast<int>(inputs.size()), &out, 1, result.size());
  return result;
}

// The canonical order as the documentation states it, for all rank counts.
float tree(const std::vector<float>& values, std::size_t first, std::size_t count) {
  if (count == 1) return values[first];
  std::size_t half = 1;
  while (half * 2 < count) half *= 2;
  return tree(values, first, half) + tree(values, first + half, count - half);
}

}  // namespace

TEST_CASE("elements are summed in one balanced tree, whatever the length") {
  for (std::size_t ranks = 1; ranks <= 33; ++ranks) {
    for (const std::size_t count : {std::size_t{1}, std::size_t{17}, std::size_t{512}, std::size_t{1300}}) {
      std::vector<std::vector<float>> inputs(ranks, std::vector<float>(count));
      for (std::size_t rank = 0; rank < ranks; ++rank) {
        for (std::size_t i = 0; i < count; ++i) {
          inputs[rank][i] = std::sin(static_cast<float>(rank * 977 + i)) * static_cast<float>(1 + rank % 5);
        }
      }
      const std::vector<float> result = reduce(ls::Reduction::sum, inputs);
      std::size_t different = 0;
      for (std::size_t i = 0; i < count; ++i) {
        std::vector<float> column;
        for (const auto& input : inputs) column.push_back(input[i]);
        different += result[i] != tree(column, 0, ranks);
      }
      CHECK(different == 0);
    }
  }
}

TEST_CASE("the mean is the sum times the reciprocal, once") {
  const auto sum = reduce<double>(ls::Reduction::sum, {{0.1, 5.0}, {0.7, 6.0}, {0.9, 7.0}});
  const auto mean = reduce<double>(ls::Reduction::mean, {{0.1, 5.0}, {0.7, 6.0}, {0.9, 7.0}});
  CHECK(mean[0] == sum[0] * (1.0 / 3.0));
  CHECK(mean[1] == sum[1] * (1.0 / 3.0));
}

TEST_CASE("integers wrap around") {
  constexpr std::int32_t largest = std::numeric_limits<std::int32_t>::max();
  CHECK(reduce<std::int32_t>(ls::Reduction::sum, {{largest}, {1}})[0] == std::numeric_limits<std::int32_t>::min());
  CHECK(reduce<std::int32_t>(ls::Reduction::product, {{largest}, {2}})[0] == -2);
  CHECK(reduce<std::uint8_t>(ls::Reduction::sum, {{250}, {10}})[0] == 4);
  CHECK(reduce<std::uint8_t>(ls::Reduction::product, {{16}, {17}})[0] == 16);
}

TEST_CASE("min and max hand a NaN on from either side") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const ls::Reduction reduction : {ls::Reduction::min, ls::Reduction::max}) {
    const auto result = reduce<float>(reduction, {{nan, 1, 2}, {1, nan, 3}, {5, 5, 1}});
    CHECK(std::isnan(result[0]));
    CHECK(std::isnan(result[1]));
    CHECK(result[2] == (reduction == ls::Reduction::min ? 1.0f : 3.0f));
  }
}

TEST_CASE("the result can replace every input") {
  std::vector<std::vector<double>> inputs(6, std::vector<double>(1000));
  std::vector<std::byte*> pointers;
  for (std::size_t rank = 0; rank < inputs.size(); ++rank) {
    std::iota(inputs[rank].begin(), inputs[rank].end(), static_cast<double>(rank));
    pointers.push_back(reinterpret_cast<std::byte*>(inputs[rank].data()));
  }
  ls::detail::reduce_slice<double>(ls::Reduction::sum, pointers.data(), 6, pointers.data(), 6, 1000);
  for (const auto& input : inputs) {
    CHECK(input[0] == 15);
    CHECK(input[999] == 999 * 6 + 15);
  }
}
