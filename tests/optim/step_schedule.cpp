// Step decay against PyTorch.
#include "../vectors/vectors.hpp"
#include "schedule_fixture.hpp"
#include <lockstep/optim/step_schedule.hpp>

#include <doctest/doctest.h>

namespace ls = lockstep;
using schedule_fixture::check_schedule;

TEST_CASE("step_decay follows the reference") {
  for (const vectors::Case& reference : vectors::load("schedules", "step_decay")) {
    check_schedule(ls::step_decay(reference.attributes.at("step_size"), reference.attributes.at("gamma")), reference);
  }
  CHECK_THROWS_WITH_AS(ls::step_decay(0), "step_decay: step_size must be at least 1, got 0", ls::ArgumentError);
  CHECK_THROWS_AS(ls::step_decay(3, 0.0), ls::ArgumentError);
}
