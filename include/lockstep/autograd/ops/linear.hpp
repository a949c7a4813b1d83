// The affine map of the last dimension.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/var.hpp>
#include <lockstep/kernels/matrix_product.hpp>

namespace lockstep::ops {

/// y = x weight^T + bias. x: [..., in]; weight: [out, in]; bias: [out] or absent; y: [..., out].
/// dx = dy weight; dweight = dy^T x; dbias = the sum of dy over rows.
struct Linear {
  static constexpr const char* name = "linear";
  static constexpr int arity = 3;

  bool has_bias = false;

  Shape shape(const Shape& x, const Shape& weight, const Shape& bias) const {
    const bool fits =
        x.rank() >= 1 && weight.rank() == 2 && x[-1] == weight[1] && (!has_bias || bias == Shape{weight[0]});
    if (!fits) {
      throw ShapeError(concat("linear: input ", x, " and weight ", weight, has_bias ? concat(" and bias ", bias) : "",
                              " do not go together; needed are input [..., in], weight [out, in] and bias [out]"));
    }
    return x.with(-1, weight[0]);
  }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> x, TensorView<const T> weight,
               TensorView<const T> bias) const {
    const std::int64_t out = weight.shape[0], in = weight.shape[1];
    multiply(context, MatrixProduct<T>{.m = rows(x.shape),
                                       .n = out,
                                       .k = in,
                                       .a = x.data,
                                       .lda = in,
                                       .b = weight.data,
                                       .ldb = in,
                                       .transpose_b = true,
                                       .c = y.data,
                                       .ldc = out,
                                       .bias = bias.data});
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> x, Operand<T> weight, Operand<T> bias) const {
    const std::int64_t out = weight.value.shape[0], in = weight.value.shape[1], count = rows(x.value.shape);
    if (const auto dweight = context.gradient(weight)) {
      multiply(context, MatrixProduct<T>{.m = out,
                                         .n = in,
                                         .k = count,
                                         .a = y.gradient.data,
                                         .lda = out,
                                         .transpose_a = true,
                                         .b = x.value.data,
                                         .ldb = in,
                                         .c = dweight.data,
                                         .ldc = in,
                                         .accumulate = dweight.accumulate});
    }
    if (const auto dbias = context.gradient(bias)) {
      Context::Kernels::column_sums(context.device, count, out, y.gradient.data, dbias);
    }
    if (const auto dx = context.gradient(x)) {
      multiply(context, MatrixProduct<T>{.m = count,
                                         .n = in,
                                         .k = out,
                                         .a = y.gradient.data,
                                         .lda = out,
                                         .b = weight.value.data,
                                         .ldb = in,
                                         .c = dx.data,
                                         .ldc = in,
                                         .accumulate = dx.accumulate});
    }
  }

 private:
  static std::int64_t rows(const Shape& x) { return x.slice(0, x.rank() - 1).numel(); }

  template <class Context, class T>
  static void multiply(Context& context, const MatrixProduct<T>& product) {
    using Kernels = typename Context::Kernels;
    T* workspace = context.template scratch<T>(Kernels::matrix_product_workspace(context.device, product));
    Kernels::matrix_product(context.device, product, workspace);
  }
};

}  // namespace lockstep::ops

namespace lockstep {

/// x weight^T + bias over the last dimension of x [..., in], with weight [out, in] and bias [out].
template <Variable V, OperandFor<V> Weight, OperandFor<V> Bias>
V linear(const V& x, const Weight& weight, const Bias& bias) {
  const V b = as_variable(x, bias);
  return x.tape().record(ops::Linear{b.has_value()}, x, as_variable(x, weight), b);
}

/// x weight^T over the last dimension of x [..., in], with weight [out, in].
template <Variable V, OperandFor<V> Weight>
V linear(const V& x, const Weight& weight) {
  return linear(x, weight, V{});
}

}  // namespace lockstep
