// The operators + - * / between variables, parameters and numbers.
#pragma once

#include <lockstep/autograd/ops/binary.hpp>
#include <lockstep/autograd/ops/unary.hpp>

#include <type_traits>

namespace lockstep {

namespace detail {

template <class S>
concept Number = std::is_arithmetic_v<S> && !std::is_same_v<S, bool>;

template <class Function, class V, class S>
V with_scalar(const V& x, S scalar) {
  return x.tape().record(ops::Unary<Function>{{static_cast<double>(scalar)}}, x);
}

}  // namespace detail

template <class A, class B>
requires detail::BinaryOperands<A, B>
auto operator+(const A& a, const B& b) { return add(a, b); }

template <class A, class B>
requires detail::BinaryOperands<A, B>
auto operator-(const A& a, const B& b) { return sub(a, b); }

template <class A, class B>
requires detail::BinaryOperands<A, B>
auto operator*(const A& a, const B& b) { return mul(a, b); }

template <class A, class B>
requires detail::BinaryOperands<A, B>
auto operator/(const A& a, const B& b) { return div(a, b); }

template <Variable V>
V operator-(const V& x) {
  return neg(x);
}

template <Variable V, detail::Number S>
V operator+(const V& x, S scalar) {
  return detail::with_scalar<functions::AddScalar>(x, scalar);
}
template <Variable V, detail::Number S>
V operator+(S scalar, const V& x) {
  return detail::with_scalar<functions::AddScalar>(x, scalar);
}

template <Variable V, detail::Number S>
V operator-(const V& x, S scalar) {
  return detail::with_scalar<functions::AddScalar>(x, -static_cast<double>(scalar));
}
template <Variable V, detail::Number S>
V operator-(S scalar, const V& x) {
  return detail::with_scalar<functions::SubtractFromScalar>(x, scalar);
}

template <Variable V, detail::Number S>
V operator*(const V& x, S scalar) {
  return detail::with_scalar<functions::MultiplyScalar>(x, scalar);
}
template <Variable V, detail::Number S>
V operator*(S scalar, const V& x) {
  return detail::with_scalar<functions::MultiplyScalar>(x, scalar);
}

template <Variable V, detail::Number S>
V operator/(const V& x, S scalar) {
  return detail::with_scalar<functions::DivideByScalar>(x, scalar);
}
template <Variable V, detail::Number S>
V operator/(S scalar, const V& x) {
  return detail::with_scalar<functions::DivideScalar>(x, scalar);
}

}  // namespace lockstep
