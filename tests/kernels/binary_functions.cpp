// Values and partial derivatives of the functions of two numbers.
#include <lockstep/kernels/binary_functions.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>

using namespace lockstep::functions;

namespace {

template <class Function>
void check_partials(double a, double b) {
  constexpr double step = 1e-6;
  const Function function;
  const double y = function(a, b);
  const double by_a = (function(a + step, b) - function(a - step, b)) / (2 * step);
  const double by_b = (function(a, b + step) - function(a, b - step)) / (2 * step);
  CHECK(function.left(2.0, y, a, b) == doctest::Approx(2 * by_a).epsilon(1e-6));
  CHECK(function.right(2.0, y, a, b) == doctest::Approx(2 * by_b).epsilon(1e-6));
  CHECK(LeftGradient<Function>{}(a, b, 2.0, y) == function.left(2.0, y, a, b));
  CHECK(RightGradient<Function>{}(a, b, 2.0, y) == function.right(2.0, y, a, b));
  if (Function::left_is_one) CHECK(by_a == doctest::Approx(1).epsilon(1e-6));
  if (Function::right_is_one) CHECK(by_b == doctest::Approx(1).epsilon(1e-6));
}

}  // namespace

TEST_CASE("partial derivatives are those of the values") {
  for (double a : {0.4, 1.7}) {
    for (double b : {-1.3, 0.6, 2.0}) {
      check_partials<Add>(a, b);
      check_partials<Sub>(a, b);
      check_partials<Mul>(a, b);
      check_partials<Div>(a, b);
      check_partials<PowVariable>(a, b);
    }
  }
}

TEST_CASE("powers at the edge of their domain") {
  CHECK(PowVariable{}.left(1.0, 1.0, 0.0, 0.0) == 0.0);
  CHECK(PowVariable{}.right(1.0, 0.0, 0.0, 2.0) == 0.0);
  CHECK(std::isnan(PowVariable{}.right(1.0, 4.0, -2.0, 2.0)));
}
