// The few numbers that an optimizer and its schedule share.
#pragma once

#include <cstdint>

namespace lockstep {

/// How far an optimizer is, and what its schedule has set for the next step.
struct OptimizerClock {
  std::int64_t step = 0;                // steps taken
  double learning_rate = 0;             // of the optimizer, before the schedule
  double learning_rate_multiplier = 1;  // from the schedule
  double momentum = -1;                 // from the schedule; negative: the optimizer's own
};

}  // namespace lockstep
