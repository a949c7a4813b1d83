// The one-cycle schedule against PyTorch: learning rate and momentum.
#include "../vectors/vectors.hpp"
#include "schedule_fixture.hpp"
#include <lockstep/optim/one_cycle_schedule.hpp>

#include <doctest/doctest.h>

namespace ls = lockstep;
using schedule_fixture::check_schedule;

TEST_CASE("one_cycle follows the reference") {
  for (const vectors::Case& reference : vectors::load("schedules", "one_cycle")) {
    ls::OneCycleOptions options;
    options.warmup_fraction = reference.attribute("warmup_fraction", options.warmup_fraction);
    options.initial_divisor = reference.attribute("initial_divisor", options.initial_divisor);
    options.final_divisor = reference.attribute("final_divisor", options.final_divisor);
    options.base_momentum = reference.attribute("base_momentum", options.base_momentum);
    options.max_momentum = reference.attribute("max_momentum", options.max_momentum);
    options.three_phase = reference.attribute("three_phase", options.three_phase);
    if (reference.attribute<std::string>("anneal", "cos") == "linear") options.anneal = ls::Anneal::linear;
    check_schedule(ls::one_cycle(reference.attributes.at("total_steps"), options), reference);
  }
}

TEST_CASE("one_cycle stays at its end, and has a peak however short the run or the warm-up") {
  const ls::OneCycle schedule = ls::one_cycle(10);
  CHECK(schedule(25) == schedule(9));
  CHECK(schedule(9) == doctest::Approx(1.0 / 25.0 / 1e4));
  CHECK(ls::one_cycle(10, {.warmup_fraction = 0.1})(0) == 1.0);
  CHECK(std::isfinite(ls::one_cycle(1)(0)));
  CHECK(std::isfinite(ls::one_cycle(10, {.warmup_fraction = 1.0})(9)));
}

TEST_CASE("one_cycle refuses options that make no sense") {
  CHECK_THROWS_WITH_AS(ls::one_cycle(0), "one_cycle: total_steps must be at least 1, got 0", ls::ArgumentError);
  CHECK_THROWS_AS(ls::one_cycle(10, {.warmup_fraction = 1.5}), ls::ArgumentError);
  CHECK_THROWS_AS(ls::one_cycle(10, {.warmup_fraction = 0.6, .three_phase = true}), ls::ArgumentError);
  CHECK_THROWS_AS(ls::one_cycle(10, {.initial_divisor = 0.0}), ls::ArgumentError);
  CHECK_THROWS_AS(ls::one_cycle(10, {.final_divisor = -1.0}), ls::ArgumentError);
  CHECK_THROWS_AS(ls::one_cycle(10, {.base_momentum = 1.0}), ls::ArgumentError);
  CHECK_THROWS_AS(ls::one_cycle(10, {.max_momentum = -0.1}), ls::ArgumentError);
}
