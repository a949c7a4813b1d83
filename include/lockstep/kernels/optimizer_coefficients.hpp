// What an optimizer step is made of once bias corrections, decay and schedule are folded into plain factors: the
// arguments of the `sgd` and `adam` kernels of every device.
#pragma once

namespace lockstep {

/// For each element, with d = gradient_scale * gradient + weight_decay * parameter:
///   buffer = momentum * buffer + gradient_rate * d
///   parameter -= direct_rate * d + buffer_rate * buffer
template <class T>
struct SgdCoefficients {
  T gradient_scale;
  T weight_decay;
  T momentum;
  T gradient_rate;
  T direct_rate;
  T buffer_rate;
};

/// For each element, with d = gradient_scale * gradient + l2_penalty * parameter:
///   exp_avg += (1 - beta1) * (d - exp_avg)
///   exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * d * d
///   parameter = shrink * parameter - rate * exp_avg / (root_scale * sqrt(exp_avg_sq) + epsilon)
template <class T>
struct AdamCoefficients {
  T gradient_scale;
  T l2_penalty;
  T one_minus_beta1;
  T beta2;
  T one_minus_beta2;
  T shrink;
  T rate;
  T root_scale;
  T epsilon;
};

}  // namespace lockstep
