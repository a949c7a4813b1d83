// Softmax and its logarithm.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/var.hpp>

namespace lockstep::ops {

/// y = exp(x - max) / sum(exp(x - max)) along one dimension; dx = y * (dy - sum(dy * y)).
struct Softmax {
  static constexpr const char* name = "softmax";
  static constexpr int arity = 1;

  int dimension = -1;

  Shape shape(const Shape& x) const {
    static_cast<void>(x.normalize(dimension));
    return x;
  }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> x) const {
    const auto [outer, count, inner] = split(x.shape);
    Context::Kernels::softmax(context.device, outer, count, inner, x.data, y.data);
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> x) const {
    if (const auto dx = context.gradient(x)) {
      const auto [outer, count, inner] = split(y.value.shape);
      Context::Kernels::softmax_backward(context.device, outer, count, inner, y.value.data, y.gradient.data, dx);
    }
  }

  struct Extents {
    std::int64_t outer, count, inner;
  };

  Extents split(const Shape& x) const {
    const int d = x.normalize(dimension);
    return {x.slice(0, d).numel(), x[d], x.slice(d + 1, x.rank()).numel()};
  }
};

/// y = x - log(sum(exp(x))) along one dimension; dx = dy - exp(y) * sum(dy).
struct LogSoftmax : Softmax {
  static constexpr const char* name = "log_softmax";

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> x) const {
    const auto [outer, count, inner] = split(x.shape);
    Context::Kernels::log_softmax(context.device, outer, count, inner, x.data, y.data);
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> x) const {
    if (const auto dx = context.gradient(x)) {
      const auto [outer, count, inner] = split(y.value.shape);
      Context::Kernels::log_softmax_backward(context.device, outer, count, inner, y.value.data, y.gradient.data, dx);
    }
  }
};

}  // namespace lockstep::ops

namespace lockstep {

/// exp(x) / sum(exp(x)) along `dimension`; negative dimensions count from the last one.
template <Variable V>
V softmax(const V& x, int dimension) {
  return x.tape().record(ops::Softmax{dimension}, x);
}

/// The logarithm of softmax(x, dimension), without its underflow.
template <Variable V>
V log_softmax(const V& x, int dimension) {
  return x.tape().record(ops::LogSoftmax{{dimension}}, x);
}

}  // namespace lockstep
