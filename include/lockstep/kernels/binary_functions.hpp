// Functions of two numbers with their partial derivatives: the mathematics of the arithmetic operators.
// `left` and `right` are what the gradient of the value contributes to the gradients of the two arguments; a partial
// derivative of one is marked and needs no arithmetic.
#pragma once

#include <lockstep/kernels/scalar_math.hpp>

namespace lockstep::functions {

/// a + b.
struct Add {
  static constexpr const char* name = "add";
  static constexpr bool left_is_one = true;
  static constexpr bool right_is_one = true;

  template <class T>
  constexpr T operator()(T a, T b) const {
    return a + b;
  }
  template <class T>
  constexpr T left(T gradient, T, T, T) const {
    return gradient;
  }
  template <class T>
  constexpr T right(T gradient, T, T, T) const {
    return gradient;
  }
};

/// a - b.
struct Sub {
  static constexpr const char* name = "sub";
  static constexpr bool left_is_one = true;
  static constexpr bool right_is_one = false;

  template <class T>
  constexpr T operator()(T a, T b) const {
    return a - b;
  }
  template <class T>
  constexpr T left(T gradient, T, T, T) const {
    return gradient;
  }
  template <class T>
  constexpr T right(T gradient, T, T, T) const {
    return -gradient;
  }
};

/// a * b.
struct Mul {
  static constexpr const char* name = "mul";
  static constexpr bool left_is_one = false;
  static constexpr bool right_is_one = false;

  template <class T>
  constexpr T operator()(T a, T b) const {
    return a * b;
  }
  template <class T>
  constexpr T left(T gradient, T, T, T b) const {
    return gradient * b;
  }
  template <class T>
  constexpr T right(T gradient, T, T a, T) const {
    return gradient * a;
  }
};

/// a / b.
struct Div {
  static constexpr const char* name = "div";
  static constexpr bool left_is_one = false;
  static constexpr bool right_is_one = false;

  template <class T>
  constexpr T operator()(T a, T b) const {
    return a / b;
  }
  template <class T>
  constexpr T left(T gradient, T, T, T b) const {
    return gradient / b;
  }
  template <class T>
  constexpr T right(T gradient, T y, T, T b) const {
    return -gradient * y / b;
  }
};

/// a^b. As in PyTorch the derivative with respect to a is 0 where b is 0, and that with respect to b is 0 where a is 0
/// and b is not negative.
struct PowVariable {
  static constexpr const char* name = "pow";
  static constexpr bool left_is_one = false;
  static constexpr bool right_is_one = false;

  template <class T>
  constexpr T operator()(T a, T b) const {
    return math::pow(a, b);
  }
  template <class T>
  constexpr T left(T gradient, T, T a, T b) const {
    return b == T(0) ? T(0) : gradient * b * math::pow(a, b - T(1));
  }
  template <class T>
  constexpr T right(T gradient, T y, T a, T b) const {
    return a == T(0) && b >= T(0) ? T(0) : gradient * y * math::log(a);
  }
};

/// The gradient with respect to the left argument; called with the two arguments first, as broadcasting kernels do.
template <class Function>
struct LeftGradient {
  template <class T>
  constexpr T operator()(T a, T b, T gradient, T y) const {
    return Function{}.left(gradient, y, a, b);
  }
};

/// The gradient with respect to the right argument.
template <class Function>
struct RightGradient {
  template <class T>
  constexpr T operator()(T a, T b, T gradient, T y) const {
    return Function{}.right(gradient, y, a, b);
  }
};

}  // namespace lockstep::functions
