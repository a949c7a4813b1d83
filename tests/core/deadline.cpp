// Deadlines pass, tell what is left, and take any duration.
#include <lockstep/core/deadline.hpp>

#include <doctest/doctest.h>

using namespace lockstep;
using namespace std::chrono_literals;

TEST_CASE("a deadline passes once") {
  const Deadline past = Deadline::after(0ns);
  CHECK(past.passed());
  CHECK(past.left() == 0ns);
  CHECK(Deadline::after(-1h).passed());
  const Deadline future = Deadline::after(1h);
  CHECK_FALSE(future.passed());
  CHECK(future.left() > 59min);
  CHECK(future.left() <= 1h);
}

TEST_CASE("durations beyond the clock never end") {
  const Deadline endless = Deadline::after(std::chrono::nanoseconds::max());
  CHECK_FALSE(endless.passed());
  CHECK(endless.left() > 24h * 365 * 100);
}

TEST_CASE("the earlier of two") {
  const Deadline hour = Deadline::after(1h);
  CHECK(hour.at_most(1min).left() <= 1min);
  CHECK(hour.at_most(2h).left() <= 1h);
}
