// The polynomial schedule against Hugging Face Transformers.
#include "../vectors/vectors.hpp"
#include "schedule_fixture.hpp"
#include <lockstep/optim/polynomial_schedule.hpp>

#include <doctest/doctest.h>

namespace ls = lockstep;
using schedule_fixture::check_schedule;

TEST_CASE("polynomial_with_warmup follows the reference") {
  for (const vectors::Case& reference : vectors::load("schedules", "polynomial_with_warmup")) {
    const ls::PolynomialOptions options{.power = reference.attributes.at("power"),
                                        .end_multiplier = reference.attributes.at("end_multiplier")};
    check_schedule(ls::polynomial_with_warmup(reference.attributes.at("warmup_steps"),
                                              reference.attributes.at("total_steps"), options),
                   reference);
  }
  CHECK_THROWS_AS(ls::polynomial_with_warmup(11, 10), ls::ArgumentError);
  CHECK_THROWS_AS(ls::polynomial_with_warmup(1, 10, {.power = 0.0}), ls::ArgumentError);
  CHECK_THROWS_AS(ls::polynomial_with_warmup(1, 10, {.end_multiplier = -0.1}), ls::ArgumentError);
}
