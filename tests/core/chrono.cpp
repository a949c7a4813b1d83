// What the library uses of std::chrono is there.
#include <lockstep/core/chrono.hpp>

#include <doctest/doctest.h>

TEST_CASE("durations convert and a clock ticks") {
  CHECK(std::chrono::nanoseconds(std::chrono::minutes(1)).count() == 60'000'000'000);
  CHECK(std::chrono::duration<double>(std::chrono::milliseconds(1500)).count() == 1.5);
  CHECK(std::chrono::ceil<std::chrono::milliseconds>(std::chrono::microseconds(1001)).count() == 2);
  const auto start = std::chrono::steady_clock::now();
  CHECK(std::chrono::steady_clock::now() >= start);
}
