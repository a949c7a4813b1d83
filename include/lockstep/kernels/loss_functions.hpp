// Elementwise losses and their derivatives, as functions of a prediction, a second operand that broadcasts, and a
// target.
#pragma once

#include <lockstep/kernels/scalar_math.hpp>

namespace lockstep::functions {

/// (prediction - target)^2.
struct SquaredDifference {
  template <class T>
  constexpr T operator()(T prediction, T target) const {
    return (prediction - target) * (prediction - target);
  }
};

/// factor * 2 (prediction - target) * gradient.
struct SquaredDifferenceGradient {
  double factor = 1;

  template <class T>
  constexpr T operator()(T prediction, T gradient, T target) const {
    return static_cast<T>(2 * factor) * (prediction - target) * gradient;
  }
};

/// -(weight * target * ln(sigmoid(x)) + (1 - target) * ln(1 - sigmoid(x))), as a sum of two terms that do not cancel.
struct BinaryCrossEntropy {
  template <class T>
  constexpr T operator()(T x, T weight, T target) const {
    const T tail = math::softplus(-math::abs(x));
    const T if_one = tail + math::positive_part(-x);  // softplus(-x)
    const T if_zero = tail + math::positive_part(x);  // softplus(x)
    return weight * target * if_one + (T(1) - target) * if_zero;
  }
  template <class T>
  constexpr T operator()(T x, T target) const {
    return (*this)(x, T(1), target);
  }
};

/// The derivative of that with respect to x.
struct BinaryCrossEntropyByLogit {
  template <class T>
  constexpr T operator()(T x, T weight, T target) const {
    return (T(1) - target) * math::sigmoid(x) - weight * target * math::sigmoid(-x);
  }
  template <class T>
  constexpr T operator()(T x, T target) const {
    return (*this)(x, T(1), target);
  }
};

/// The derivative of that with respect to the target.
struct BinaryCrossEntropyByTarget {
  template <class T>
  constexpr T operator()(T x, T weight, T) const {
    return weight * math::softplus(-x) - math::softplus(x);
  }
  template <class T>
  constexpr T operator()(T x, T) const {
    return -x;
  }
};

/// factor * a * b.
struct ScaledProduct {
  double factor = 1;

  template <class T>
  constexpr T operator()(T a, T b) const {
    return static_cast<T>(factor) * a * b;
  }
};

}  // namespace lockstep::functions
