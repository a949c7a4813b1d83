// The contract of schedules: any pure function of the step will do.
#include <lockstep/optim/schedule.hpp>

#include <doctest/doctest.h>

namespace ls = lockstep;

namespace {

struct WithMomentum {
  double operator()(std::int64_t) const { return 1.0; }
  double momentum(std::int64_t) const { return 0.9; }
};

struct Mutable {
  double operator()(std::int64_t) { return 1.0; }
};

constexpr auto halving = [](std::int64_t step) { return 1.0 / static_cast<double>(step + 1); };

static_assert(ls::Schedule<WithMomentum> && ls::MomentumSchedule<WithMomentum>);
static_assert(ls::Schedule<decltype(halving)> && !ls::MomentumSchedule<decltype(halving)>);
static_assert(!ls::Schedule<Mutable>);
static_assert(!ls::Schedule<double>);

}  // namespace

TEST_CASE("warm-up rises from 0 and progress runs from 0 to 1 after it") {
  CHECK(ls::detail::warmup(0, 4) == 0.0);
  CHECK(ls::detail::warmup(3, 4) == 0.75);
  CHECK(ls::detail::warmup(0, 0) == 0.0);
  CHECK(ls::detail::progress_after_warmup(4, 4, 12) == 0.0);
  CHECK(ls::detail::progress_after_warmup(12, 4, 12) == 1.0);
  CHECK(ls::detail::progress_after_warmup(4, 4, 4) == 0.0);
}

TEST_CASE("the bounds of a run are checked") {
  CHECK_NOTHROW(ls::detail::require_steps("schedule", 5, 5));
  CHECK_THROWS_WITH_AS(ls::detail::require_steps("schedule", -1, 5),
                       "schedule: warmup_steps must not be negative, got -1", ls::ArgumentError);
  CHECK_THROWS_WITH_AS(ls::detail::require_steps("schedule", 6, 5),
                       "schedule: total_steps must be at least 1 and at least warmup_steps (6), got 5; it counts "
                       "optimizer steps of the whole run",
                       ls::ArgumentError);
  CHECK_THROWS_AS(ls::detail::require_steps("schedule", 0, 0), ls::ArgumentError);
}
