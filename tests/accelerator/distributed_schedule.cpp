#include <lockstep/accelerator/distributed_schedule.hpp>
#include <lockstep/core/shared.hpp>
#include <lockstep/optim/linear_schedule.hpp>
#include <lockstep/optim/one_cycle_schedule.hpp>

#include <doctest/doctest.h>

using namespace lockstep;

TEST_CASE("a schedule follows the optimizer's clock, not its own calls") {
  auto clock = Shared<OptimizerClock>::make();
  clock->learning_rate = 2;
  GradientState state;
  DistributedSchedule schedule(linear_with_warmup(4, 8), clock, state);
  CHECK(schedule.last_learning_rate() == 0);
  schedule.step();
  schedule.step();
  CHECK(schedule.last_learning_rate() == 0);  // no optimizer step was taken
  clock->step = 2;
  state.sync_gradients = false;
  schedule.step();
  CHECK(schedule.last_learning_rate() == 0);  // inside an accumulation window
  state.sync_gradients = true;
  schedule.step();
  CHECK(schedule.last_learning_rate() == 1);
}

TEST_CASE("a schedule with momentum sets it, one without leaves the optimizer's own") {
  auto clock = Shared<OptimizerClock>::make();
  GradientState state;
  DistributedSchedule plain(linear_with_warmup(0, 8), clock, state);
  CHECK(clock->momentum < 0);
  DistributedSchedule cycle(one_cycle(10), clock, state);
  CHECK(clock->momentum == doctest::Approx(0.95));
}
