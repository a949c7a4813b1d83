// Root-mean-square normalisation. Zhang and Sennrich 2019.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/ops/gradients_of.hpp>
#include <lockstep/autograd/ops/normalized_shape.hpp>
#include <lockstep/autograd/var.hpp>

namespace lockstep::ops {

/// y = x / sqrt(mean(x^2) + epsilon) * weight over the trailing dimensions that the weight has, or over the last one if
/// it is absent. The gradients: see the kernel of layer_norm.
struct RmsNorm {
  static constexpr const char* name = "rms_norm";
  static constexpr int arity = 2;

  double epsilon = 1e-5;
  bool has_weight = false;
  void* reciprocal_roots = nullptr;  // of each row

  Shape shape(const Shape& x, const Shape& weight) const {
    if (has_weight) detail::check_normalized_shape(name, x, weight);
    if (x.rank() == 0) throw ShapeError("rms_norm: the input must have at least one dimension");
    return x;
  }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> x, TensorView<const T> weight) {
    const std::int64_t columns = has_weight ? weight.numel() : x.shape[-1];
    const std::int64_t rows = columns == 0 ? 0 : x.numel() / columns;
    T* saved = context.template allocate<T>(rows);
    reciprocal_roots = saved;
    Context::Kernels::rms_norm(context.device, rows, columns, x.data, weight.data, static_cast<T>(epsilon), y.data,
                               saved);
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> x, Operand<T> weight) const {
    const std::int64_t columns = has_weight ? weight.value.numel() : x.value.shape[-1];
    const std::int64_t rows = columns == 0 ? 0 : x.value.numel() / columns;
    const auto gradients = detail::gradients_of(context, x, weight);
    Context::Kernels::layer_norm_backward(context.device, rows, columns, y.gradient.data, x.value.data,
                                          weight.value.data, static_cast<const T*>(nullptr),
                                          static_cast<const T*>(reciprocal_roots), gradients[0], gradients[1],
                                          Destination<T>{}, context.template scratch<T>(4 * columns));
  }
};

}  // namespace lockstep::ops

namespace lockstep {

/// x / sqrt(mean(x^2) + epsilon) * weight, over the trailing dimensions of x that the weight has; without a weight
/// (`V{}`) over the last one. PyTorch's rms_norm.
template <Variable V, OperandFor<V> Weight = V>
V rms_norm(const V& x, const Weight& weight = {}, double epsilon = 1e-5) {
  const V w = as_variable(x, weight);
  return x.tape().record(ops::RmsNorm{epsilon, w.has_value()}, x, w);
}

}  // namespace lockstep
