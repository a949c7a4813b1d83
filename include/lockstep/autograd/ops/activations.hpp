// Activation functions: elementwise, without parameters. Definitions are PyTorch's.
#pragma once

#include <lockstep/autograd/ops/unary.hpp>
#include <lockstep/kernels/activation_functions.hpp>

namespace lockstep {

/// max(x, 0); the gradient at 0 is 0.
template <Variable V>
V relu(const V& x) {
  return x.tape().record(ops::Unary<functions::Relu>{}, x);
}

/// The hyperbolic tangent.
template <Variable V>
V tanh(const V& x) {
  return x.tape().record(ops::Unary<functions::Tanh>{}, x);
}

/// 1 / (1 + e^-x).
template <Variable V>
V sigmoid(const V& x) {
  return x.tape().record(ops::Unary<functions::Sigmoid>{}, x);
}

/// x * sigmoid(x).
template <Variable V>
V silu(const V& x) {
  return x.tape().record(ops::Unary<functions::Silu>{}, x);
}

/// x/2 (1 + erf(x / sqrt 2)): the exact form, PyTorch's and BERT's default.
template <Variable V>
V gelu(const V& x) {
  return x.tape().record(ops::Unary<functions::Gelu>{}, x);
}

/// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))): PyTorch's approximate="tanh", GPT-2's form.
template <Variable V>
V gelu_tanh(const V& x) {
  return x.tape().record(ops::Unary<functions::GeluTanh>{}, x);
}

}  // namespace lockstep
