// Activation functions as modules, for Sequential; elsewhere call the function.
#pragma once

#include <lockstep/autograd/ops/activations.hpp>
#include <lockstep/nn/fields.hpp>

namespace lockstep {

/// relu(x) as a module.
struct Relu {
  auto operator()(const Variable auto& x) const { return relu(x); }
  LOCKSTEP_FIELDS()
};

/// gelu(x), the exact form with erf, as a module.
struct Gelu {
  auto operator()(const Variable auto& x) const { return gelu(x); }
  LOCKSTEP_FIELDS()
};

/// gelu_tanh(x), GPT-2's approximation, as a module.
struct GeluTanh {
  auto operator()(const Variable auto& x) const { return gelu_tanh(x); }
  LOCKSTEP_FIELDS()
};

/// silu(x) as a module.
struct Silu {
  auto operator()(const Variable auto& x) const { return silu(x); }
  LOCKSTEP_FIELDS()
};

/// sigmoid(x) as a module.
struct Sigmoid {
  auto operator()(const Variable auto& x) const { return sigmoid(x); }
  LOCKSTEP_FIELDS()
};

/// tanh(x) as a module.
struct Tanh {
  auto operator()(const Variable auto& x) const { return tanh(x); }
  LOCKSTEP_FIELDS()
};

}  // namespace lockstep
