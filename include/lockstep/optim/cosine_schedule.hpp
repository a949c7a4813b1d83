// Linear warm-up, then a cosine.
#pragma once

#include <lockstep/optim/schedule.hpp>

#include <cmath>
#include <numbers>

namespace lockstep {

/// Linear warm-up, then max(0, (1 + cos(2 pi cycles p)) / 2) with p from 0 to 1 between warm-up and total_steps; half a
/// cycle falls from 1 to 0. As get_cosine_schedule_with_warmup of Hugging Face Transformers: after total_steps the
/// cosine goes on.
struct CosineWithWarmup {
  std::int64_t warmup_steps = 0;
  std::int64_t total_steps = 1;
  double cycles = 0.5;

  double operator()(std::int64_t step) const {
    if (step < warmup_steps) return detail::warmup(step, warmup_steps);
    const double progress = detail::progress_after_warmup(step, warmup_steps, total_steps);
    const double value = 0.5 * (1.0 + std::cos(2.0 * std::numbers::pi * cycles * progress));
    return value > 0.0 ? value : 0.0;
  }
};

/// Throws ArgumentError when the steps are negative, warm-up is longer than the run, or `cycles` is not positive.
inline CosineWithWarmup cosine_with_warmup(std::int64_t warmup_steps, std::int64_t total_steps, double cycles = 0.5) {
  detail::require_steps("cosine_with_warmup", warmup_steps, total_steps);
  if (!(cycles > 0.0)) throw ArgumentError(concat("cosine_with_warmup: cycles must be positive, got ", cycles));
  return {warmup_steps, total_steps, cycles};
}

static_assert(Schedule<CosineWithWarmup>);

}  // namespace lockstep
