// Adam (Kingma and Ba, 2015, arXiv:1412.6980).
#pragma once

#include <lockstep/kernels/kernels.hpp>
#include <lockstep/optim/adam_step.hpp>
#include <lockstep/optim/optimizer.hpp>

namespace lockstep {

/// Adam as torch.optim.Adam defines it: weight decay is added to the gradient (an L2 penalty), epsilon to the root of
/// the corrected second moment. Two states.
struct Adam {
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;

  std::span<const std::string_view> state_names() const { return detail::adam_state_names; }

  template <class DeviceType, class T>
  void update(DeviceType& device, OptimizerRange<T> range, const StepInfo& step) const {
    AdamCoefficients<T> c = detail::adam_coefficients<T>(*this, step);
    c.l2_penalty = static_cast<T>(weight_decay);
    Kernels<DeviceType>::adam(device, range.size(), range.parameters.data(), range.gradients.data(),
                              range.states[0].data(), range.states[1].data(), c);
  }

  void validate() const { detail::validate_adam(*this, "Adam"); }
};

static_assert(Optimizer<Adam, detail::AnyDevice>);

}  // namespace lockstep
