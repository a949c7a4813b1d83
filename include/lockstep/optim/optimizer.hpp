// The contract of an optimizer: a plain struct of hyper-parameters that knows how to update a flat range. Memory for
// parameters, gradients and states belongs to the caller, so one optimizer serves whole models and shards alike.
#pragma once

#include <lockstep/core/shape.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace lockstep {

/// The most state arrays an optimizer may have.
inline constexpr std::size_t max_optimizer_states = 4;

/// A flat range of parameters that belong to one parameter group. All spans have the same length; states stand in the
/// order of `state_names()` and are zero before the first step.
template <class T>
struct OptimizerRange {
  std::span<T> parameters;
  std::span<const T> gradients;
  std::array<std::span<T>, max_optimizer_states> states{};
  int group = 0;

  std::int64_t size() const { return static_cast<std::int64_t>(parameters.size()); }
};

/// What all ranges of one optimizer step have in common.
struct StepInfo {
  std::int64_t step = 1;                  ///< counts from 1
  double learning_rate_multiplier = 1.0;  ///< from the schedule, at step - 1
  double gradient_scale = 1.0;            ///< every gradient is multiplied by this first: clipping, loss scale
  double momentum = -1.0;  ///< from the schedule; replaces SGD's momentum and Adam's beta1 unless negative

  /// The momentum that holds for an optimizer whose own is `own`.
  double momentum_or(double own) const { return momentum >= 0.0 ? momentum : own; }
};

/// An optimizer has
///
///   std::span<const std::string_view> state_names() const;
///   void update(Device& device, OptimizerRange<T> range, const StepInfo& step) const;
///
/// `state_names` says which arrays, each as large as the parameters, the optimizer keeps; checkpoints use the names.
/// `update` must treat elements independently of each other, because ranges are cut at the borders of shards; it calls
/// `Kernels<Device>` or, on a device whose memory the host may touch, loops over the spans. It may also have
///
///   int group_of(std::string_view name, const Shape& shape) const;   the group of a parameter, else 0; see
///   parameter_group.hpp void validate() const;                                           throws ArgumentError on bad
///   hyper-parameters double learning_rate;                                            before the schedule, for reports
template <class O, class DeviceType, class T = float>
concept Optimizer = requires(const O& optimizer, DeviceType& device, OptimizerRange<T> range, const StepInfo& step) {
  { optimizer.state_names() } -> std::convertible_to<std::span<const std::string_view>>;
  {optimizer.update(device, range, step)};
};

/// The group of a parameter: 0 for an optimizer without groups.
template <class O>
int group_of(const O& optimizer, std::string_view name, const Shape& shape) {
  if constexpr (requires { optimizer.group_of(name, shape); }) {
    return optimizer.group_of(name, shape);
  } else {
    return 0;
  }
}

/// Checks the hyper-parameters of an optimizer that knows how.
template <class O>
void validate(const O& optimizer) {
  if constexpr (requires { optimizer.validate(); }) optimizer.validate();
}

namespace detail {

/// A device that only stands for "any": lets a header check the contract without naming a real one.
struct AnyDevice {};

/// Throws when a hyper-parameter lies outside [low, high).
inline void require_within(double value, double low, double high, const char* optimizer, const char* name) {
  if (value >= low && value < high) return;
  throw ArgumentError(concat(optimizer, ": ", name, " must be at least ", low, " and below ", high, ", got ", value));
}

/// Throws when a hyper-parameter is negative or not a finite number.
inline void require_not_negative(double value, const char* optimizer, const char* name) {
  if (value >= 0 && value - value == 0) return;
  throw ArgumentError(concat(optimizer, ": ", name, " must be a finite number that is not negative, got ", value));
}

}  // namespace detail

}  // namespace lockstep
