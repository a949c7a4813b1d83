// Sums, maxima and dot products over every length around the packet's width.
#include <lockstep/kernels/cpu/row_reductions.hpp>

#include <doctest/doctest.h>

#include <vector>

using namespace lockstep::cpu;

TEST_CASE_TEMPLATE("row reductions: whole numbers come out exactly", T, float, double) {
  for (std::size_t count = 0; count < 200; ++count) {
    std::vector<T> x(count + 1, T(1e6)), y(count + 1, T(1e6));  // one more that must not be read
    T sum = 0, dot = 0, squares = 0, highest = -std::numeric_limits<T>::infinity();
    for (std::size_t i = 0; i < count; ++i) {
      x[i] = static_cast<T>(i * 7 % 13) - 20;
      y[i] = static_cast<T>(i * 5 % 11) - 5;
      sum += x[i];
      dot += x[i] * y[i];
      squares += (x[i] - 2) * (x[i] - 2);
      highest = x[i] > highest ? x[i] : highest;
    }
    const auto n = static_cast<std::int64_t>(count);
    CAPTURE(count);
    CHECK(sum_of(n, x.data()) == sum);
    CHECK(dot_of(n, x.data(), y.data()) == dot);
    CHECK(square_deviations_of(n, x.data(), T(2)) == squares);
    CHECK(max_of(n, x.data()) == highest);
  }
}

TEST_CASE("max_of: finds the largest anywhere, passes over NaN") {
  for (std::size_t at = 0; at < 150; ++at) {
    std::vector<float> x(150, -3);
    x[at] = -1;
    x[(at + 1) % 150] = std::numeric_limits<float>::quiet_NaN();
    CHECK(max_of(150, x.data()) == -1);
  }
}
