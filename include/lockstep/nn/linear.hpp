// The affine layer.
#pragma once

#include <lockstep/autograd/ops/linear.hpp>
#include <lockstep/nn/fields.hpp>

namespace lockstep {

struct LinearOptions {
  bool bias = true;
};

/// y = x W^T + b with weight [out, in] and bias [out]; x has any rank, its last extent is `in`.
/// First values as PyTorch's: both uniform in +-1 / sqrt(in).
struct Linear {
  Linear(std::int64_t in, std::int64_t out, const LinearOptions& options = {})
      : weight(Shape{out, in}, init::linear_default()), has_bias(options.bias) {
    if (in < 1 || out < 1) throw ArgumentError(concat("Linear: extents must be positive, got ", in, " -> ", out));
    if (has_bias) bias = Parameter(Shape{out}, init::linear_default(in));
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
