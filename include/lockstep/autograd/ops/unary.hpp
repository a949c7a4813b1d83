// Elementwise functions of one variable. Each is a function object with its value and its derivative; `Unary` makes an
// op of it. To add one: write the function object (kernels/scalar_functions.hpp has examples), name `ops::Unary<It>`.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/var.hpp>
#include <lockstep/kernels/scalar_functions.hpp>

namespace lockstep::ops {

/// y = function(x), elementwise; dx = dy * function.derivative(x, y). Members of the function object are attributes.
/// A function with `derivative_is_one` needs no derivative: its gradient is passed on.
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
    if constexpr (requires { Function::derivative_is_one; }) {
      context.pass_gradient(y, x);
    } else if (const auto dx = context.gradient(x)) {
      Context::Kernels::map(context.device, y.value.numel(), dx, functions::ChainRule<Function>{function},
                            y.gradient.data, x.value.data, y.value.data);
    }
  }
};

}  // namespace lockstep::ops

namespace lockstep {

/// -x.
template <Variable V>
V neg(const V& x) {
  return x.tape().record(ops::Unary<functions::Neg>{}, x);
}

/// e^x.
template <Variable V>
V exp(const V& x) {
  return x.tape().record(ops::Unary<functions::Exp>{}, x);
}

/// The natural logarithm; -inf at 0, NaN below.
template <Variable V>
V log(const V& x) {
  return x.tape().record(ops::Unary<functions::Log>{}, x);
}

/// The square root; NaN below 0. The gradient at 0 is infinite.
template <Variable V>
V sqrt(const V& x) {
  return x.tape().record(ops::Unary<functions::Sqrt>{}, x);
}

/// x * x.
template <Variable V>
V square(const V& x) {
  return x.tape().record(ops::Unary<functions::Square>{}, x);
}

/// x^exponent. Exponents 2 and 1/2 are computed as a product and a square root.
template <Variable V>
V pow(const V& x, double exponent) {
  if (exponent == 2) return square(x);
  if (exponent == 0.5) return sqrt(x);
  return x.tape().record(ops::Unary<functions::Pow>{{exponent}}, x);
}

}  // namespace lockstep
