// Constant schedules against Hugging Face Transformers.
#include "../vectors/vectors.hpp"
#include "schedule_fixture.hpp"
#include <lockstep/optim/constant_schedule.hpp>

#include <doctest/doctest.h>

namespace ls = lockstep;
using schedule_fixture::check_schedule;

TEST_CASE("constant schedules follow the reference") {
  for (const vectors::Case& reference : vectors::load("schedules", "constant_schedule")) {
    check_schedule(ls::constant_schedule(), reference);
  }
  for (const vectors::Case& reference : vectors::load("schedules", "constant_with_warmup")) {
    check_schedule(ls::constant_with_warmup(reference.attributes.at("warmup_steps")), reference);
  }
  CHECK_THROWS_AS(ls::constant_with_warmup(-1), ls::ArgumentError);
}
