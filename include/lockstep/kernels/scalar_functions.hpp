// Functions of one number with their derivatives: the mathematics of elementwise ops, the same source for every device.
// `derivative(x, y)` is given the argument and the value, whichever is cheaper to use; members are attributes.
#pragma once

#include <lockstep/kernels/scalar_math.hpp>

namespace lockstep::functions {

/// x, whatever else is passed: the function of a copy.
struct Identity {
  template <class T>
  constexpr T operator()(T x) const {
    return x;
  }
};

/// -x.
struct Neg {
  static constexpr const char* name = "neg";

  template <class T>
  constexpr T operator()(T x) const {
    return -x;
  }
  template <class T>
  constexpr T derivative(T, T) const {
    return T(-1);
  }
};

/// e^x.
struct Exp {
  static constexpr const char* name = "exp";

  template <class T>
  constexpr T operator()(T x) const {
    return math::exp(x);
  }
  template <class T>
  constexpr T derivative(T, T y) const {
    return y;
  }
};

/// The natural logarithm.
struct Log {
  static constexpr const char* name = "log";

  template <class T>
  constexpr T operator()(T x) const {
    return math::log(x);
  }
  template <class T>
  constexpr T derivative(T x, T) const {
    return T(1) / x;
  }
};

/// The square root.
struct Sqrt {
  static constexpr const char* name = "sqrt";

  template <class T>
  constexpr T operator()(T x) const {
    return math::sqrt(x);
  }
  template <class T>
  constexpr T derivative(T, T y) const {
    return T(0.5) / y;
  }
};

/// x * x.
struct Square {
  static constexpr const char* name = "square";

  template <class T>
  constexpr T operator()(T x) const {
    return x * x;
  }
  template <class T>
  constexpr T derivative(T x, T) const {
    return T(2) * x;
  }
};

/// x^exponent. The derivative for exponent 0 is 0 everywhere, as in PyTorch.
struct Pow {
  static constexpr const char* name = "pow";

  double exponent = 1;

  template <class T>
  constexpr T operator()(T x) const {
    return math::pow(x, static_cast<T>(exponent));
  }
  template <class T>
  constexpr T derivative(T x, T) const {
    return exponent == 0 ? T(0) : static_cast<T>(exponent) * math::pow(x, static_cast<T>(exponent - 1));
  }
};

/// x + scalar.
struct AddScalar {
  static constexpr const char* name = "add_scalar";
  static constexpr bool derivative_is_one = true;

  double scalar = 0;

  template <class T>
  constexpr T operator()(T x) const {
    return x + static_cast<T>(scalar);
  }
};

/// scalar - x.
struct SubtractFromScalar {
  static constexpr const char* name = "subtract_from_scalar";

  double scalar = 0;

  template <class T>
  constexpr T operator()(T x) const {
    return static_cast<T>(scalar) - x;
  }
  template <class T>
  constexpr T derivative(T, T) const {
    return T(-1);
  }
};

/// x * scalar.
struct MultiplyScalar {
  static constexpr const char* name = "multiply_scalar";

  double scalar = 1;

  template <class T>
  constexpr T operator()(T x) const {
    return x * static_cast<T>(scalar);
  }
  template <class T>
  constexpr T derivative(T, T) const {
    return static_cast<T>(scalar);
  }
};

/// x / scalar.
struct DivideByScalar {
  static constexpr const char* name = "divide_by_scalar";

  double scalar = 1;

  template <class T>
  constexpr T operator()(T x) const {
    return x / static_cast<T>(scalar);
  }
  template <class T>
  constexpr T derivative(T, T) const {
    return T(1) / static_cast<T>(scalar);
  }
};

/// scalar / x.
struct DivideScalar {
  static constexpr const char* name = "divide_scalar";

  double scalar = 1;

  template <class T>
  constexpr T operator()(T x) const {
    return static_cast<T>(scalar) / x;
  }
  template <class T>
  constexpr T derivative(T x, T y) const {
    return -y / x;
  }
};

/// The gradient of a function's argument: that of its value times the derivative.
template <class Function>
struct ChainRule {
  Function function{};

  template <class T>
  constexpr T operator()(T gradient, T x, T y) const {
    return gradient * function.derivative(x, y);
  }
};

}  // namespace lockstep::functions
