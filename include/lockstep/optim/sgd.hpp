// Stochastic gradient descent with momentum.
#pragma once

#include <lockstep/kernels/kernels.hpp>
#include <lockstep/kernels/optimizer_coefficients.hpp>
#include <lockstep/optim/optimizer.hpp>

namespace lockstep {

/// Gradient descent as torch.optim.SGD defines it: d = g + weight_decay * p; the buffer is d at the first step, then
/// momentum * buffer + (1 - dampening) * d; the step is the buffer, or d + momentum * buffer with `nesterov`.
/// Keeps the state "momentum_buffer" only when momentum is not zero.
struct Sgd {
  double learning_rate = 1e-3;
  double momentum = 0.0;
  double dampening = 0.0;
  double weight_decay = 0.0;
  bool nesterov = false;

  std::span<const std::string_view> state_names() const {
    static constexpr std::array<std::string_view, 1> names{"momentum_buffer"};
    return std::span<const std::string_view>(names).first(momentum == 0.0 ? 0 : 1);
  }

  template <class DeviceType, class T>
  void update(DeviceType& device, OptimizerRange<T> range, const StepInfo& step) const {
    const double rate = learning_rate * step.learning_rate_multiplier;
    SgdCoefficients<T> c{};
    c.gradient_scale = static_cast<T>(step.gradient_scale);
    c.weight_decay = static_cast<T>(weight_decay);
    if (momentum == 0.0) {
      c.direct_rate = static_cast<T>(rate);
      Kernels<DeviceType>::sgd(device, range.size(), range.parameters.data(), range.gradients.data(), c);
      return;
    }
    const double now = step.momentum_or(momentum);
    c.momentum = static_cast<T>(now);
    c.gradient_rate = static_cast<T>(step.step == 1 ? 1.0 : 1.0 - dampening);
    c.direct_rate = static_cast<T>(nesterov ? rate : 0.0);
    c.buffer_rate = static_cast<T>(nesterov ? rate * now : rate);
    Kernels<DeviceType>::sgd(device, range.size(), range.parameters.data(), range.gradients.data(),
                             range.states[0].data(), c);
  }

  void validate() const {
    detail::require_not_negative(learning_rate, "Sgd", "learning_rate");
    detail::require_not_negative(momentum, "Sgd", "momentum");
    detail::require_not_negative(weight_decay, "Sgd", "weight_decay");
    if (nesterov && (momentum == 0.0 || dampening != 0.0)) {
      throw ArgumentError(concat("Sgd: nesterov needs a momentum and no dampening, got momentum ", momentum,
                                 " and dampening ", dampening));
    }
  }
};

static_assert(Optimizer<Sgd, detail::AnyDevice>);

}  // namespace lockstep
