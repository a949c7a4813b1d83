// The contract of a learning-rate schedule: a pure function of the optimizer step, so it needs no state, no checkpoint
// and no agreement between ranks, and its clock is the same for any world size.
#pragma once

#include <lockstep/core/error.hpp>

#include <concepts>
#include <cstdint>

namespace lockstep {

/// Maps the number of optimizer steps already taken to the factor that the optimizer's learning rate is multiplied by.
template <class S>
concept Schedule = std::copy_constructible<S> && requires(const S& schedule, std::int64_t step) {
  { schedule(step) } -> std::convertible_to<double>;
};

/// A schedule that also prescribes the momentum (SGD) or beta1 (Adam) of each step.
template <class S>
concept MomentumSchedule = Schedule<S> && requires(const S& schedule, std::int64_t step) {
  { schedule.momentum(step) } -> std::convertible_to<double>;
};

namespace detail {

/// The warm-up that all schedules share: 0 at step 0, 1 at step `warmup_steps`.
constexpr double warmup(std::int64_t step, std::int64_t warmup_steps) {
  return static_cast<double>(step) / static_cast<double>(warmup_steps > 1 ? warmup_steps : 1);
}

/// The part of the way from the end of warm-up to `total_steps`; beyond 1 when the run goes on.
constexpr double progress_after_warmup(std::int64_t step, std::int64_t warmup_steps, std::int64_t total_steps) {
  const std::int64_t length = total_steps - warmup_steps;
  return static_cast<double>(step - warmup_steps) / static_cast<double>(length > 1 ? length : 1);
}

inline void require_steps(const char* schedule, std::int64_t warmup_steps, std::int64_t total_steps) {
  if (warmup_steps < 0) {
    throw ArgumentError(concat(schedule, ": warmup_steps must not be negative, got ", warmup_steps));
  }
  if (total_steps < 1 || total_steps < warmup_steps) {
    throw ArgumentError(concat(schedule, ": total_steps must be at least 1 and at least warmup_steps (", warmup_steps,
                               "), got ", total_steps, "; it counts optimizer steps of the whole run"));
  }
}

}  // namespace detail

}  // namespace lockstep
