// Packed roots have the bits of std::sqrt, at every length.
#include <lockstep/kernels/cpu/square_root.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <vector>

namespace ls = lockstep;

TEST_CASE_TEMPLATE("square_roots equals std::sqrt", T, float, double) {
  for (std::size_t count = 0; count < 40; ++count) {
    std::vector<T> values(count + 1);
    for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<T>(i * i * i) / T(7);
    values[count] = T(-5);  // beyond the end
    std::vector<T> expected = values;
    for (std::size_t i = 0; i < count; ++i) expected[i] = std::sqrt(expected[i]);
    ls::cpu::square_roots(static_cast<std::int64_t>(count), values.data());
    CHECK(values == expected);
  }
}

TEST_CASE_TEMPLATE("square_roots of the extremes", T, float, double) {
  using Limits = std::numeric_limits<T>;
  std::vector<T> values(16, T(-1));
  values[0] = T(0);
  values[1] = Limits::infinity();
  values[2] = Limits::denorm_min();
  values[3] = Limits::max();
  ls::cpu::square_roots(16, values.data());
  CHECK(values[0] == T(0));
  CHECK(values[1] == Limits::infinity());
  CHECK(values[2] == std::sqrt(Limits::denorm_min()));
  CHECK(values[3] == std::sqrt(Limits::max()));
  for (std::size_t i = 4; i < 16; ++i) CHECK(std::isnan(values[i]));
}
