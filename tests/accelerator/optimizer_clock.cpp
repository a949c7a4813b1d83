#include <lockstep/accelerator/optimizer_clock.hpp>

#include <doctest/doctest.h>

TEST_CASE("a new clock leaves the optimizer's own values alone") {
  const lockstep::OptimizerClock clock;
  CHECK(clock.step == 0);
  CHECK(clock.learning_rate_multiplier == 1);
  CHECK(clock.momentum < 0);
}
