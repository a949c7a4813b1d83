// Values and derivatives of the activation functions.
#include "function_check.hpp"
#include <lockstep/kernels/activation_functions.hpp>

#include <limits>

using namespace lockstep::functions;
using check::check_derivative;

TEST_CASE("derivatives are those of the values") {
  check_derivative(Relu{}, {-2, -0.01, 0.01, 3});
  check_derivative(Tanh{}, {-2, -0.3, 0, 1.1});
  check_derivative(Sigmoid{}, {-4, -0.3, 0, 2});
  check_derivative(Silu{}, {-4, -1.2, 0, 3});
  check_derivative(Gelu{}, {-3, -0.7, 0, 0.2, 3});
  check_derivative(GeluTanh{}, {-3, -0.7, 0, 0.2, 3});
}

TEST_CASE("values that PyTorch gives") {
  CHECK(Gelu{}(1.0) == doctest::Approx(0.8413447460685429).epsilon(1e-14));
  CHECK(GeluTanh{}(1.0) == doctest::Approx(0.8411919906082768).epsilon(1e-14));
  CHECK(Silu{}(-2.0) == doctest::Approx(-0.2384058440442351).epsilon(1e-14));
  CHECK(Relu{}.derivative(0.0, Relu{}(0.0)) == 0.0);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(std::isnan(Relu{}(nan)));
}
