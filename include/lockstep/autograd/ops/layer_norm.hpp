// Layer normalisation. Ba, Kiros and Hinton 2016.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/ops/gradients_of.hpp>
#include <lockstep/autograd/ops/normalized_shape.hpp>
#include <lockstep/autograd/var.hpp>

namespace lockstep::ops {

/// y = (x - mean) / sqrt(variance + epsilon) * weight + bias over the trailing dimensions that weight and bias have, or
/// over the last one if both are absent; the variance is the biased one. The gradients: see the kernel.
struct LayerNorm {
  static constexpr const char* name = "layer_norm";
  static constexpr int arity = 3;

  double epsilon = 1e-5;
  bool has_weight = false;
  bool has_bias = false;
  void* statistics = nullptr;  // each row's mean, then each row's 1 / sqrt(variance + epsilon)

  Shape shape(const Shape& x, const Shape& weight, const Shape& bias) const {
    if (has_weight && has_bias && weight != bias) {
      throw ShapeError(concat("layer_norm: weight ", weight, " and bias ", bias, " must have the same shape"));
    }
    if (has_weight) detail::check_normalized_shape(name, x, weight);
    if (has_bias) detail::check_normalized_shape(name, x, bias);
    if (x.rank() == 0) throw ShapeError("layer_norm: the input must have at least one dimension");
    return x;
  }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> x, TensorView<const T> weight,
               TensorView<const T> bias) {
    const std::int64_t columns = count_columns(x.shape, weight.shape, bias.shape);
    const std::int64_t rows = columns == 0 ? 0 : x.numel() / columns;
    T* means = context.template allocate<T>(2 * rows);
    statistics = means;
    Context::Kernels::layer_norm(context.device, rows, columns, x.data, weight.data, bias.data, static_cast<T>(epsilon),
                                 y.data, means, means + rows);
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> x, Operand<T> weight, Operand<T> bias) const {
    const std::int64_t columns = count_columns(x.value.shape, weight.value.shape, bias.value.shape);
    const std::int64_t rows = columns == 0 ? 0 : x.value.numel() / columns;
    const T* means = static_cast<const T*>(statistics);
    auto gradients = detail::gradients_of(context, x, weight, bias);
    Context::Kernels::layer_norm_backward(context.device, rows, columns, y.gradient.data, x.value.data,
                                          weight.value.data, means, means + rows, gradients[0], gradients[1],
                                          gradients[2], context.template scratch<T>(4 * columns));
  }

 private:
  std::int64_t count_columns(const Shape& x, const Shape& weight, const Shape& bias) const {
    return has_weight ? weight.numel() : has_bias ? bias.numel() : x[-1];
  }
};

}  // namespace lockstep::ops

namespace lockstep {

/// (x - mean) / sqrt(variance + epsilon) * weight + bias, over the trailing dimensions of x that weight and bias have;
/// either may be absent (`V{}`), both absent means the last dimension. PyTorch's layer_norm.
template <Variable V, OperandFor<V> Weight = V, OperandFor<V> Bias = V>
V layer_norm(const V& x, const Weight& weight = {}, const Bias& bias = {}, double epsilon = 1e-5) {
  const V w = as_variable(x, weight);
  const V b = as_variable(x, bias);
  return x.tape().record(ops::LayerNorm{epsilon, w.has_value(), b.has_value()}, x, w, b);
}

}  // namespace lockstep
