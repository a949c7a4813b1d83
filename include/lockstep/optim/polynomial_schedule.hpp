// Linear warm-up, then a polynomial decay to a chosen end.
#pragma once

#include <lockstep/optim/schedule.hpp>

#include <cmath>

namespace lockstep {

struct PolynomialOptions {
  double power = 1.0;
  double end_multiplier = 0.0;  ///< where the decay ends, and stays, as a part of the full learning rate
};

/// Linear warm-up, then (1 - end) * (1 - p)^power + end with p from 0 to 1 between warm-up and total_steps; as
/// get_polynomial_decay_schedule_with_warmup of Hugging Face Transformers with end = lr_end / lr, and without warm-up
/// torch.optim.lr_scheduler.PolynomialLR.
struct PolynomialWithWarmup {
  std::int64_t warmup_steps = 0;
  std::int64_t total_steps = 1;
  double power = 1.0;
  double end_multiplier = 0.0;

  double operator()(std::int64_t step) const {
    if (step < warmup_steps) return detail::warmup(step, warmup_steps);
    if (step >= total_steps) return end_multiplier;
    const double left = 1.0 - detail::progress_after_warmup(step, warmup_steps, total_steps);
    return (1.0 - end_multiplier) * std::pow(left, power) + end_multiplier;
  }
};

/// Throws ArgumentError when the steps are negative, warm-up is longer than the run, the power is not positive or the
/// end is negative.
inline PolynomialWithWarmup polynomial_with_warmup(std::int64_t warmup_steps, std::int64_t total_steps,
                                                   const PolynomialOptions& options = {}) {
  detail::require_steps("polynomial_with_warmup", warmup_steps, total_steps);
  if (!(options.power > 0.0)) {
    throw ArgumentError(concat("polynomial_with_warmup: power must be positive, got ", options.power));
  }
  if (!(options.end_multiplier >= 0.0)) {
    throw ArgumentError(
        concat("polynomial_with_warmup: end_multiplier must not be negative, got ", options.end_multiplier));
  }
  return {warmup_steps, total_steps, options.power, options.end_multiplier};
}

static_assert(Schedule<PolynomialWithWarmup>);

}  // namespace lockstep
