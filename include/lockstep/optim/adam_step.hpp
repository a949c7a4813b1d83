// What Adam and AdamW share: the bias corrections, computed in double once per step, and the bounds of their
// hyper-parameters.
#pragma once

#include <lockstep/kernels/optimizer_coefficients.hpp>
#include <lockstep/optim/optimizer.hpp>

#include <cmath>

namespace lockstep::detail {

inline constexpr std::array<std::string_view, 2> adam_state_names{"exp_avg", "exp_avg_sq"};

/// The factors of a step without weight decay.
template <class T, class Options>
AdamCoefficients<T> adam_coefficients(const Options& options, const StepInfo& step) {
  const double beta1 = step.momentum_or(options.beta1);
  const double steps = static_cast<double>(step.step);
  const double correction1 = 1.0 - std::pow(beta1, steps);
  const double correction2 = 1.0 - std::pow(options.beta2, steps);
  AdamCoefficients<T> c{};
  c.gradient_scale = static_cast<T>(step.gradient_scale);
  c.one_minus_beta1 = static_cast<T>(1.0 - beta1);
  c.beta2 = static_cast<T>(options.beta2);
  c.one_minus_beta2 = static_cast<T>(1.0 - options.beta2);
  c.shrink = T(1);
  c.rate = static_cast<T>(options.learning_rate * step.learning_rate_multiplier / correction1);
  c.root_scale = static_cast<T>(1.0 / std::sqrt(correction2));
  c.epsilon = static_cast<T>(options.epsilon);
  return c;
}

template <class Options>
void validate_adam(const Options& options, const char* name) {
  require_not_negative(options.learning_rate, name, "learning_rate");
  require_within(options.beta1, 0.0, 1.0, name, "beta1");
  require_within(options.beta2, 0.0, 1.0, name, "beta2");
  require_not_negative(options.epsilon, name, "epsilon");
  require_not_negative(options.weight_decay, name, "weight_decay");
}

}  // namespace lockstep::detail
