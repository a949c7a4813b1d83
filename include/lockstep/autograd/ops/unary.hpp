// Elementwise functions of one variable. Each is a function object with its value and its derivative; `Unary` makes an
// op of it. To add one: write the function object (kernels/scalar_functions.hpp has examples), name `ops::Unary<It>`.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/var.hpp>
#include <lockstep/kernels/scalar_functions.hpp>

namespace lockstep::ops {

/// y = function(x), elementwise; dx = dy * function.derivative(x, y). Members of the function object are attributes.
template <class Function>
struct Unary {
  static constexpr const char* name = Function::name;
  static constexpr int arity = 1;

  Function function{};

  Shape shape(const Shape& x) const { return x; }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> x) const {
    Context::Kernels::map(context.device, y.numel(), Destination<T>{y.data}, function, x.data);
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> x) const {
    if (const auto dx = context.gradient(x)) {
      Context::Kernels::map(
          context.device, y.value.numel(), dx,
          [f = function](T gradient, T input, T output) { return gradient * f.derivative(input, output); },
          y.gradient.data, x.value.data, y.value.data);
    }
  }
};

}  // namespace lockstep::ops

namespace lockstep {

/// max(x, 0); the gradient at 0 is 0, as in PyTorch.
template <Variable V>
V relu(const V& x) {
  return x.tape().record(ops::Unary<functions::Relu>{}, x);
}

}  // namespace lockstep
