// Functions of one number with their derivatives: the mathematics of elementwise ops, the same source for every device.
#pragma once

namespace lockstep::functions {

/// max(x, 0); the derivative at 0 is 0.
struct Relu {
  static constexpr const char* name = "relu";

  template <class T>
  T operator()(T x) const {
    return x > T(0) ? x : T(0);
  }
  template <class T>
  T derivative(T x, T) const {
    return x > T(0) ? T(1) : T(0);
  }
};

}  // namespace lockstep::functions
