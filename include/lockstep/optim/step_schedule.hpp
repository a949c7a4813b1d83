// A learning rate that falls by a factor every so many steps.
#pragma once

#include <lockstep/optim/schedule.hpp>

#include <cmath>

namespace lockstep {

/// gamma to the power of step / step_size, rounded down; as torch.optim.lr_scheduler.StepLR.
struct StepDecay {
  std::int64_t step_size = 1;
  double gamma = 0.1;

  double operator()(std::int64_t step) const {
    return std::pow(gamma, static_cast<double>(step / (step_size > 1 ? step_size : 1)));
  }
};

/// Throws ArgumentError when `step_size` is below 1 or `gamma` is not positive.
inline StepDecay step_decay(std::int64_t step_size, double gamma = 0.1) {
  if (step_size < 1) throw ArgumentError(concat("step_decay: step_size must be at least 1, got ", step_size));
  if (!(gamma > 0.0)) throw ArgumentError(concat("step_decay: gamma must be positive, got ", gamma));
  return {step_size, gamma};
}

static_assert(Schedule<StepDecay>);

}  // namespace lockstep
