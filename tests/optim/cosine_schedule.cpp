// The cosine schedule against Hugging Face Transformers.
#include "../vectors/vectors.hpp"
#include "schedule_fixture.hpp"
#include <lockstep/optim/cosine_schedule.hpp>

#include <doctest/doctest.h>

namespace ls = lockstep;
using schedule_fixture::check_schedule;

TEST_CASE("cosine_with_warmup follows the reference") {
  for (const vectors::Case& reference : vectors::load("schedules", "cosine_with_warmup")) {
    check_schedule(ls::cosine_with_warmup(reference.attributes.at("warmup_steps"),
                                          reference.attributes.at("total_steps"), reference.attributes.at("cycles")),
                   reference);
  }
  CHECK_THROWS_AS(ls::cosine_with_warmup(11, 10), ls::ArgumentError);
  CHECK_THROWS_WITH_AS(ls::cosine_with_warmup(1, 10, 0.0), "cosine_with_warmup: cycles must be positive, got 0",
                       ls::ArgumentError);
}
