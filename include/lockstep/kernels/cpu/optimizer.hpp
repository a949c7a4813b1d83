// Optimizer steps over flat ranges: one pass over memory each, elementwise, so a range may be cut anywhere.
#pragma once

#include <lockstep/kernels/cpu/square_root.hpp>
#include <lockstep/kernels/optimizer_coefficients.hpp>
#include <lockstep/tensor/cpu.hpp>

#include <cstdint>

namespace lockstep::cpu {

struct OptimizerKernels {
  /// Gradient descent without a buffer: reads direct_rate, gradient_scale and weight_decay only.
  template <class T>
  static void sgd(Cpu&, std::int64_t count, T* __restrict parameters, const T* __restrict gradients,
                  const SgdCoefficients<T>& coefficients) {
    const SgdCoefficients<T> c = coefficients;
    for (std::int64_t i = 0; i < count; ++i) {
      const T d = c.gradient_scale * gradients[i] + c.weight_decay * parameters[i];
      parameters[i] -= c.direct_rate * d;
    }
  }

  /// Gradient descent with a momentum buffer.
  template <class T>
  static void sgd(Cpu&, std::int64_t count, T* __restrict parameters, const T* __restrict gradients,
                  T* __restrict buffer, const SgdCoefficients<T>& coefficients) {
    const SgdCoefficients<T> c = coefficients;
    for (std::int64_t i = 0; i < count; ++i) {
      const T d = c.gradient_scale * gradients[i] + c.weight_decay * parameters[i];
      const T b = c.momentum * buffer[i] + c.gradient_rate * d;
      buffer[i] = b;
      parameters[i] -= c.direct_rate * d + c.buffer_rate * b;
    }
  }

  /// Adam and AdamW; see AdamCoefficients.
  template <class T>
  static void adam(Cpu&, std::int64_t count, T* __restrict parameters, const T* __restrict gradients,
                   T* __restrict exp_avg, T* __restrict exp_avg_sq, const AdamCoefficients<T>& coefficients) {
    constexpr std::int64_t block = 256;  // the roots and what they meet stay in the first-level cache
    alignas(64) T root[block];
    const AdamCoefficients<T> c = coefficients;
    for (std::int64_t first = 0; first < count; first += block) {
      const std::int64_t size = count - first < block ? count - first : block;
      T* __restrict p = parameters + first;
      const T* __restrict g = gradients + first;
      T* __restrict m = exp_avg + first;
      T* __restrict v = exp_avg_sq + first;
      for (std::int64_t i = 0; i < size; ++i) {
        const T d = c.gradient_scale * g[i] + c.l2_penalty * p[i];
        m[i] += c.one_minus_beta1 * (d - m[i]);
        v[i] = c.beta2 * v[i] + c.one_minus_beta2 * (d * d);
        root[i] = v[i];
      }
      square_roots(size, root);
      for (std::int64_t i = 0; i < size; ++i) {
        p[i] = c.shrink * p[i] - c.rate * m[i] / (c.root_scale * root[i] + c.epsilon);
      }
    }
  }
};

}  // namespace lockstep::cpu
