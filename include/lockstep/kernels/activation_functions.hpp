// Activation functions of one number with their derivatives, as scalar_functions.hpp.
#pragma once

#include <lockstep/kernels/scalar_math.hpp>

namespace lockstep::functions {

/// max(x, 0); the derivative at 0 is 0. NaN stays NaN.
struct Relu {
  static constexpr const char* name = "relu";

  template <class T>
  constexpr T operator()(T x) const {
    return x <= T(0) ? T(0) : x;
  }
  template <class T>
  constexpr T derivative(T, T y) const {
    return y > T(0) ? T(1) : T(0);
  }
};

/// The hyperbolic tangent.
struct Tanh {
  static constexpr const char* name = "tanh";

  template <class T>
  constexpr T operator()(T x) const {
    return math::tanh(x);
  }
  template <class T>
  constexpr T derivative(T, T y) const {
    return T(1) - y * y;
  }
};

/// 1 / (1 + e^-x).
struct Sigmoid {
  static constexpr const char* name = "sigmoid";

  template <class T>
  constexpr T operator()(T x) const {
    return math::sigmoid(x);
  }
  template <class T>
  constexpr T derivative(T, T y) const {
    return y * (T(1) - y);
  }
};

/// x * sigmoid(x), also called swish.
struct Silu {
  static constexpr const char* name = "silu";

  template <class T>
  constexpr T operator()(T x) const {
    return x * math::sigmoid(x);
  }
  template <class T>
  constexpr T derivative(T x, T) const {
    const T s = math::sigmoid(x);
    return s + x * s * (T(1) - s);
  }
};

/// x times the standard normal distribution function: x/2 (1 + erf(x / sqrt 2)). Hendrycks & Gimpel, 2016.
struct Gelu {
  static constexpr const char* name = "gelu";

  template <class T>
  constexpr T operator()(T x) const {
    return x * distribution(x);
  }
  template <class T>
  constexpr T derivative(T x, T) const {
    return distribution(x) + x * T(0.39894228040143267794) * math::exp(T(-0.5) * x * x);
  }

 private:
  template <class T>
  static constexpr T distribution(T x) {
    return T(0.5) * (T(1) + math::erf(x * T(0.70710678118654752440)));
  }
};

/// The approximation x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), GPT-2's; computed as x sigmoid(2 sqrt(2/pi) (...)),
/// which is the same function and keeps the relative precision of the negative tail.
struct GeluTanh {
  static constexpr const char* name = "gelu_tanh";

  template <class T>
  constexpr T operator()(T x) const {
    return x * math::sigmoid(x * (T(slope) + T(cubic) * x * x));
  }
  template <class T>
  constexpr T derivative(T x, T) const {
    const T s = math::sigmoid(x * (T(slope) + T(cubic) * x * x));
    return s + x * s * (T(1) - s) * (T(slope) + T(3 * cubic) * x * x);
  }

 private:
  static constexpr double slope = 1.59576912160573071176;  // 2 sqrt(2 / pi)
  static constexpr double cubic = 0.044715 * slope;
};

}  // namespace lockstep::functions
