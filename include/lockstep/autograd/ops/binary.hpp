// Arithmetic of two variables with NumPy's broadcasting: shapes are aligned at the last dimension, an extent of 1 is
// repeated. The gradient of a repeated operand is the sum over its repetitions, in a fixed order.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/ops/reduce_dimensions.hpp>
#include <lockstep/autograd/var.hpp>
#include <lockstep/kernels/binary_functions.hpp>
#include <lockstep/kernels/broadcast_plan.hpp>

namespace lockstep::ops {

/// y = function(a, b), elementwise after broadcasting. See kernels/binary_functions.hpp for what a function has.
template <class Function>
struct Binary {
  static constexpr const char* name = Function::name;
  static constexpr int arity = 2;

  Shape shape(const Shape& a, const Shape& b) const { return broadcast_shapes(a, b, name); }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> a, TensorView<const T> b) const {
    const BroadcastPlan plan(y.shape, a.shape, b.shape);
    Context::Kernels::broadcast(context.device, plan, Destination<T>{y.data}, Function{}, a.data, b.data);
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> a, Operand<T> b) const {
    // The right side first: what is passed on to the left one may then be changed by later uses.
    differentiate<functions::RightGradient<Function>, Function::right_is_one>(context, y, b, a.value, b.value);
    differentiate<functions::LeftGradient<Function>, Function::left_is_one>(context, y, a, a.value, b.value);
  }

 private:
  template <class Gradient, bool IsOne, class Context, class T>
  static void differentiate(Context& context, const Result<T>& y, Operand<T>& operand, TensorView<const T> a,
                            TensorView<const T> b) {
    if (!operand.requires_grad()) return;
    const Shape& shape = y.value.shape;
    const bool repeated = operand.value.numel() != shape.numel();
    if (IsOne && !repeated) return context.pass_gradient(y, operand);
    const Destination<T> out = context.gradient(operand);
    const T* unreduced = y.gradient.data;
    if constexpr (!IsOne) {
      const BroadcastPlan plan(shape, a.shape, b.shape);
      T* product = repeated ? context.template scratch<T>(shape.numel()) : nullptr;
      Context::Kernels::broadcast(context.device, plan, repeated ? Destination<T>{product} : out, Gradient{}, a.data,
                                  b.data, y.gradient.data, y.value.data);
      unreduced = product;
    }
    if (repeated) {
      detail::sum_dimensions(context, shape, detail::broadcast_mask(shape, operand.value.shape), out, unreduced);
    }
  }
};

}  // namespace lockstep::ops

namespace lockstep {

namespace detail {

/// Two operands of which one is a variable and the other one too, or the handle of a parameter.
template <class A, class B>
concept BinaryOperands = (Variable<A> && OperandFor<B, A>) || (Variable<B> && OperandFor<A, B>);

template <class Function, Variable V>
V record_binary(const V& a, const V& b) {
  static_cast<void>(b.slot());  // here an operand must not be absent
  return a.tape().record(ops::Binary<Function>{}, a, b);
}

template <class Function, class A, class B>
auto binary(const A& a, const B& b) {
  if constexpr (Variable<A>) {
    return record_binary<Function>(a, as_variable(a, b));
  } else {
    return record_binary<Function>(as_variable(b, a), b);
  }
}

}  // namespace detail

/// a + b, broadcasting; throws ShapeError with both shapes when they do not go together.
template <class A, class B>
requires detail::BinaryOperands<A, B>
auto add(const A& a, const B& b) { return detail::binary<functions::Add>(a, b); }

/// a - b, broadcasting.
template <class A, class B>
requires detail::BinaryOperands<A, B>
auto sub(const A& a, const B& b) { return detail::binary<functions::Sub>(a, b); }

/// a * b, elementwise, broadcasting.
template <class A, class B>
requires detail::BinaryOperands<A, B>
auto mul(const A& a, const B& b) { return detail::binary<functions::Mul>(a, b); }

/// a / b, elementwise, broadcasting.
template <class A, class B>
requires detail::BinaryOperands<A, B>
auto div(const A& a, const B& b) { return detail::binary<functions::Div>(a, b); }

/// a^b, elementwise, broadcasting.
template <class A, class B>
requires detail::BinaryOperands<A, B>
auto pow(const A& a, const B& b) { return detail::binary<functions::PowVariable>(a, b); }

}  // namespace lockstep
