#include <lockstep/data/permutation.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace ls = lockstep;

namespace {

std::vector<std::int64_t> elements(std::int64_t size, std::uint64_t seed, std::uint64_t epoch) {
  const ls::Permutation permutation(size, seed, epoch);
  std::vector<std::int64_t> result;
  for (std::int64_t i = 0; i < size; ++i) result.push_back(permutation[i]);
  return result;
}

/// Whether a chi-square statistic of so many degrees of freedom lies within five standard deviations of its mean.
bool plausible(double chi_square, double degrees) {
  return std::abs(chi_square - degrees) < 5 * std::sqrt(2 * degrees);
}

}  // namespace

TEST_CASE("permutation: is a bijection for every size") {
  for (std::int64_t size = 1; size <= 600; ++size) {
    std::vector<std::int64_t> values = elements(size, 17, static_cast<std::uint64_t>(size));
    std::sort(values.begin(), values.end());
    for (std::int64_t i = 0; i < size; ++i) REQUIRE(values[static_cast<std::size_t>(i)] == i);
  }
  for (const std::int64_t size : {60'000, 65'536, 65'537, 999'983, 1'000'000}) {
    std::vector<bool> seen(static_cast<std::size_t>(size), false);
    for (const std::int64_t value : elements(size, 3, 1)) {
      REQUIRE(value >= 0);
      REQUIRE(value < size);
      REQUIRE(!seen[static_cast<std::size_t>(value)]);
      seen[static_cast<std::size_t>(value)] = true;
    }
  }
}

TEST_CASE("permutation: sizes near the end of the range stay in range") {
  for (const std::int64_t size : {INT64_MAX, INT64_MAX - 1, std::int64_t{1} << 62, (std::int64_t{1} << 62) + 1}) {
    const ls::Permutation permutation(size, 1, 2);
    for (const std::int64_t position : {std::int64_t{0}, std::int64_t{1}, size / 2, size - 1}) {
      const std::int64_t value = permutation[position];
      CHECK(value >= 0);
      CHECK(value < size);
    }
  }
}

TEST_CASE("permutation: depends on seed and epoch, not on their sum") {
  CHECK(elements(1000, 0, 0) == elements(1000, 0, 0));
  CHECK(elements(1000, 0, 1) != elements(1000, 1, 0));
  CHECK(elements(1000, 0, 0) != elements(1000, 0, 1));
  CHECK(elements(1000, 0, 0) != elements(1000, 1, 0));
  CHECK(elements(1000, 0, std::uint64_t{1} << 32) != elements(1000, 0, 0));
  CHECK(elements(1000, std::uint64_t{1} << 32, 0) != elements(1000, 0, 0));
}

TEST_CASE("permutation: the values are part of the interface, a resumed run must see the same order") {
  CHECK(elements(10, 42, 0) == std::vector<std::int64_t>{6, 9, 5, 4, 8, 0, 2, 3, 7, 1});
  CHECK(elements(10, 42, 1) == std::vector<std::int64_t>{7, 9, 0, 8, 2, 6, 4, 3, 5, 1});
  CHECK(ls::Permutation(1'000'000'007, 7, 3)[123'456'789] == 795609341);
}

TEST_CASE("permutation: all orders of few elements are equally frequent") {
  for (const std::int64_t size : {2, 3, 4, 5, 6, 7}) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(size));
    double orders = 1;
    for (std::int64_t i = 1; i <= size; ++i) orders *= static_cast<double>(i);
    const auto draws = static_cast<std::uint64_t>(orders * 100);
    std::vector<double> counts(static_cast<std::size_t>(orders), 0);
    for (std::uint64_t epoch = 0; epoch < draws; ++epoch) {
      const std::vector<std::int64_t> values = elements(size, 5, epoch);
      std::size_t rank = 0;  // of the permutation, in the factorial number system
      for (std::size_t i = 0; i < values.size(); ++i) {
        const auto smaller =
            static_cast<std::size_t>(std::count_if(values.begin() + static_cast<std::ptrdiff_t>(i), values.end(),
                                                   [&](std::int64_t other) { return other < values[i]; }));
        rank = rank * (values.size() - i) + smaller;
      }
      ++counts[rank];
    }
    double chi_square = 0;
    for (const double count : counts) chi_square += (count - 100) * (count - 100) / 100;
    INFO("size " << size << ": chi-square " << chi_square << ", " << orders - 1 << " degrees of freedom");
    CHECK(plausible(chi_square, orders - 1));
  }
}

TEST_CASE("permutation: places and neighbours are uniform") {
  // Where a sample lands, and which sample follows it, over many epochs: both tables must look like independent draws.
  for (const std::int64_t size : {7, 16, 30, 64, 100}) {
    const auto n = static_cast<std::size_t>(size);
    const int draws = 200 * static_cast<int>(size);
    std::vector<double> places(n * n, 0);
    std::vector<double> differences(n, 0);
    for (int epoch = 0; epoch < draws; ++epoch) {
      const std::vector<std::int64_t> values = elements(size, 11, static_cast<std::uint64_t>(epoch));
      for (std::size_t i = 0; i < n; ++i) {
        ++places[i * n + static_cast<std::size_t>(values[i])];
        const std::int64_t next = values[(i + 1) % n];
        ++differences[static_cast<std::size_t>((next - values[i] + size) % size)];
      }
    }
    double places_chi_square = 0;
    for (const double count : places) places_chi_square += (count - 200) * (count - 200) / 200;
    const double degrees = static_cast<double>((n - 1) * (n - 1));
    INFO("size " << size << ": chi-square of places " << places_chi_square << ", " << degrees << " degrees of freedom");
    CHECK(plausible(places_chi_square, degrees));
    CHECK(differences[0] == 0);
    const double expected = static_cast<double>(draws) * static_cast<double>(n) / static_cast<double>(n - 1);
    double difference_chi_square = 0;
    for (std::size_t i = 1; i < n; ++i) {
      difference_chi_square += (differences[i] - expected) * (differences[i] - expected) / expected;
    }
    INFO("size " << size << ": chi-square of differences " << difference_chi_square);
    CHECK(plausible(difference_chi_square, static_cast<double>(n - 2)));
  }
}

TEST_CASE("permutation: a large one has no order left") {
  const std::int64_t size = 1'000'000;
  const std::vector<std::int64_t> values = elements(size, 1, 0);
  double correlation = 0;
  double neighbours = 0;
  double fixed_points = 0;
  const double mean = static_cast<double>(size - 1) / 2;
  const double variance = (static_cast<double>(size) * static_cast<double>(size) - 1) / 12;
  for (std::size_t i = 0; i + 1 < values.size(); ++i) {
    const double here = static_cast<double>(values[i]) - mean;
    correlation += here * (static_cast<double>(i) - mean);
    neighbours += here * (static_cast<double>(values[i + 1]) - mean);
    fixed_points += values[i] == static_cast<std::int64_t>(i) ? 1 : 0;
  }
  const double deviation = 1 / std::sqrt(static_cast<double>(size));
  CHECK(std::abs(correlation / variance / static_cast<double>(size)) < 5 * deviation);
  CHECK(std::abs(neighbours / variance / static_cast<double>(size)) < 5 * deviation);
  CHECK(fixed_points < 10);  // one is expected
}
