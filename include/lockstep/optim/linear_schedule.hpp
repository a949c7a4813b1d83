// Linear warm-up, then linear decay to zero.
#pragma once

#include <lockstep/optim/schedule.hpp>

namespace lockstep {

/// step / warmup_steps during warm-up (so 0 at the very first step), then (total_steps - step) / (total_steps -
/// warmup_steps), and 0 after the end; as get_linear_schedule_with_warmup of Hugging Face Transformers.
struct LinearWithWarmup {
  std::int64_t warmup_steps = 0;
  std::int64_t total_steps = 1;

  constexpr double operator()(std::int64_t step) const {
    if (step < warmup_steps) return detail::warmup(step, warmup_steps);
    if (step >= total_steps) return 0.0;
    return static_cast<double>(total_steps - step) / static_cast<double>(total_steps - warmup_steps);
  }
};

/// Throws ArgumentError when the steps are negative or warm-up is longer than the run.
inline LinearWithWarmup linear_with_warmup(std::int64_t warmup_steps, std::int64_t total_steps) {
  detail::require_steps("linear_with_warmup", warmup_steps, total_steps);
  return {warmup_steps, total_steps};
}

static_assert(Schedule<LinearWithWarmup>);

}  // namespace lockstep
