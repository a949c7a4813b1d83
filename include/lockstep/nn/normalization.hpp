// Layers that normalise over the last dimension.
#pragma once

#include <lockstep/autograd/ops/layer_norm.hpp>
#include <lockstep/autograd/ops/rms_norm.hpp>
#include <lockstep/nn/fields.hpp>

namespace lockstep {

struct LayerNormOptions {
  double epsilon = 1e-5;
  bool bias = true;
};

/// (x - mean) / sqrt(variance + epsilon) * weight + bias over the last dimension, with the biased variance.
/// Ba et al. 2016; PyTorch's torch.nn.LayerNorm.
struct LayerNorm {
  explicit LayerNorm(std::int64_t dim, const LayerNormOptions& options = {})
      : weight(Shape{dim}, init::ones()), epsilon(options.epsilon), has_bias(options.bias) {
    if (has_bias) bias = Parameter(Shape{dim}, init::zeros());
  }

  Parameter weight;
  Parameter bias;
  double epsilon;
  bool has_bias;

  template <Variable V>
  V operator()(const V& x) const {
    const V scale = as_variable(x, weight);
    return layer_norm(x, scale, has_bias ? as_variable(x, bias) : V{}, epsilon);
  }

  template <class Self, class Visitor>
  static constexpr void visit_fields(Self& self, Visitor&& visitor) {
    visitor("weight", self.weight);
    if (self.has_bias) visitor("bias", self.bias);
  }
};

/// x / sqrt(mean(x^2) + epsilon) * weight over the last dimension. Zhang and Sennrich 2019; PyTorch's torch.nn.RMSNorm.
struct RmsNorm {
  explicit RmsNorm(std::int64_t dim, double norm_epsilon = 1e-5)
      : weight(Shape{dim}, init::ones()), epsilon(norm_epsilon) {}

  Parameter weight;
  double epsilon;

  template <Variable V>
  V operator()(const V& x) const {
    return rms_norm(x, as_variable(x, weight), epsilon);
  }

  LOCKSTEP_FIELDS(weight)
};

}  // namespace lockstep
