// A schedule bound to an optimizer: what prepare() returns for a schedule.
#pragma once

#include <lockstep/accelerator/gradient_state.hpp>
#include <lockstep/accelerator/optimizer_clock.hpp>
#include <lockstep/core/shared.hpp>
#include <lockstep/optim/schedule.hpp>

#include <utility>

namespace lockstep {

/// Sets an optimizer's learning rate from the optimizer's own step count, so it needs no state of its own, cannot run
/// at another pace than the optimizer, and does not depend on the number of ranks.
template <Schedule ScheduleType>
class DistributedSchedule {
 public:
  /// Sets the values of the optimizer's next step at once.
  DistributedSchedule(ScheduleType schedule, Shared<OptimizerClock> clock, const GradientState& state)
      : schedule_(std::move(schedule)), clock_(std::move(clock)), state_(&state) {
    apply();
  }

  /// After optimizer.step(): sets the values of the next step. Does nothing while gradients are being accumulated.
  void step() {
    if (state_->sync_gradients) apply();
  }

  /// The learning rate that the optimizer's next step will use.
  double last_learning_rate() const { return clock_->learning_rate * clock_->learning_rate_multiplier; }

  const ScheduleType& schedule() const { return schedule_; }

 private:
  void apply() {
    clock_->learning_rate_multiplier = schedule_(clock_->step);
    if constexpr (MomentumSchedule<ScheduleType>) clock_->momentum = schedule_.momentum(clock_->step);
  }

  ScheduleType schedule_;
  Shared<OptimizerClock> clock_;
  const GradientState* state_;
};

}  // namespace lockstep
