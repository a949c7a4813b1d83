// Compares derivatives of function objects with central differences.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>

namespace check {

/// derivative(x, y) of a function object of one number, at each of the points.
template <class Function>
void check_derivative(Function function, std::initializer_list<double> points) {
  constexpr double step = 1e-6;
  for (double x : points) {
    CAPTURE(x);
    const double expected = (function(x + step) - function(x - step)) / (2 * step);
    CHECK(function.derivative(x, function(x)) == doctest::Approx(expected).epsilon(1e-6));
    const auto single = static_cast<float>(x);
    CHECK(function(single) == doctest::Approx(function(static_cast<double>(single))).epsilon(1e-5));
    CHECK(function.derivative(single, function(single)) == doctest::Approx(expected).epsilon(1e-5));
  }
}

}  // namespace check
