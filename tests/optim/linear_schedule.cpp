// The linear schedule against Hugging Face Transformers.
#include "../vectors/vectors.hpp"
#include "schedule_fixture.hpp"
#include <lockstep/optim/linear_schedule.hpp>

#include <doctest/doctest.h>

namespace ls = lockstep;
using schedule_fixture::check_schedule;

TEST_CASE("linear_with_warmup follows the reference") {
  for (const vectors::Case& reference : vectors::load("schedules", "linear_with_warmup")) {
    check_schedule(
        ls::linear_with_warmup(reference.attributes.at("warmup_steps"), reference.attributes.at("total_steps")),
        reference);
  }
  CHECK_THROWS_AS(ls::linear_with_warmup(11, 10), ls::ArgumentError);
  static_assert(ls::LinearWithWarmup{2, 6}(4) == 0.5);
}
