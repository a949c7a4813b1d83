// A constant learning rate, with or without warm-up.
#pragma once

#include <lockstep/optim/schedule.hpp>

namespace lockstep {

/// The learning rate never changes.
struct ConstantSchedule {
  constexpr double operator()(std::int64_t) const { return 1.0; }
};

constexpr ConstantSchedule constant_schedule() { return {}; }

/// Rises linearly from 0 during warm-up, then stays 1.
struct ConstantWithWarmup {
  std::int64_t warmup_steps = 0;

  constexpr double operator()(std::int64_t step) const {
    return step < warmup_steps ? detail::warmup(step, warmup_steps) : 1.0;
  }
};

/// Throws ArgumentError when `warmup_steps` is negative.
inline ConstantWithWarmup constant_with_warmup(std::int64_t warmup_steps) {
  if (warmup_steps < 0) {
    throw ArgumentError(concat("constant_with_warmup: warmup_steps must not be negative, got ", warmup_steps));
  }
  return {warmup_steps};
}

static_assert(Schedule<ConstantSchedule> && Schedule<ConstantWithWarmup>);

}  // namespace lockstep
