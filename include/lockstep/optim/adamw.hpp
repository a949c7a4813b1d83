// Adam with decoupled weight decay (Loshchilov and Hutter, 2019, arXiv:1711.05101).
#pragma once

#include <lockstep/kernels/kernels.hpp>
#include <lockstep/optim/adam_step.hpp>
#include <lockstep/optim/optimizer.hpp>

namespace lockstep {

/// AdamW as torch.optim.AdamW defines it: the parameter first shrinks by 1 - learning rate * weight_decay, then takes
/// an Adam step with the gradient alone. Two states.
struct AdamW {
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 1e-2;

  std::span<const std::string_view> state_names() const { return detail::adam_state_names; }

  template <class DeviceType, class T>
  void update(DeviceType& device, OptimizerRange<T> range, const StepInfo& step) const {
    AdamCoefficients<T> c = detail::adam_coefficients<T>(*this, step);
    c.shrink = static_cast<T>(1.0 - learning_rate * step.learning_rate_multiplier * weight_decay);
    Kernels<DeviceType>::adam(device, range.size(), range.parameters.data(), range.gradients.data(),
                              range.states[0].data(), range.states[1].data(), c);
  }

  void validate() const { detail::validate_adam(*this, "AdamW"); }
};

static_assert(Optimizer<AdamW, detail::AnyDevice>);

}  // namespace lockstep
