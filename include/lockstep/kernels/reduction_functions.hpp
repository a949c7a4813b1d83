// The small functions that reductions and their gradients are made of.
#pragma once

namespace lockstep::functions {

/// factor * b, whatever a is: hands the gradient of a sum back to its terms.
struct ScaleSecond {
  double factor = 1;

  template <class T>
  constexpr T operator()(T, T b) const {
    return static_cast<T>(factor) * b;
  }
};

/// 1 where both are the same number or both NaN, else 0.
struct SameValue {
  template <class T>
  constexpr T operator()(T a, T b) const {
    return a == b || (a != a && b != b) ? T(1) : T(0);
  }
};

/// a * b.
struct Product {
  template <class T>
  constexpr T operator()(T a, T b) const {
    return a * b;
  }
};

/// a / b.
struct Quotient {
  template <class T>
  constexpr T operator()(T a, T b) const {
    return a / b;
  }
};

}  // namespace lockstep::functions
