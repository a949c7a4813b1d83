// The affine layer.
#pragma once

#include <lockstep/autograd/ops/linear.hpp>
#include <lockstep/nn/fields.hpp>

namespace lockstep {

/// The first values are PyTorch's by default: both uniform in +-1 / sqrt(in).
struct LinearOptions {
  bool bias = true;
  Initializer weight_initializer = init::linear_default();
  Initializer bias_initializer = init::linear_default();  // its fan_in is the layer's
};

/// y = x W^T + b with weight [out, in] and bias [out]; x has any rank, its last extent is `in`.
struct Linear {
  Linear(std::int64_t in, std::int64_t out, const LinearOptions& options = {})
      : weight(Shape{out, in}, options.weight_initializer), has_bias(options.bias) {
    if (in < 1 || out < 1) throw ArgumentError(concat("Linear: extents must be positive, got ", in, " -> ", out));
    if (!has_bias) return;
    bias = Parameter(Shape{out}, options.bias_initializer);
    bias.initializer.fan_in = in;
  }

  Parameter weight;
  Parameter bias;
  bool has_bias;

  template <Variable V>
  V operator()(const V& x) const {
    return has_bias ? linear(x, weight, bias) : linear(x, weight);
  }

  template <class Self, class Visitor>
  static constexpr void visit_fields(Self& self, Visitor&& visitor) {
    visitor("weight", self.weight);
    if (self.has_bias) visitor("bias", self.bias);
  }
};

}  // namespace lockstep
