// Values and derivatives of the functions of one number.
#include "function_check.hpp"
#include <lockstep/kernels/scalar_functions.hpp>

using namespace lockstep::functions;
using check::check_derivative;

TEST_CASE("derivatives are those of the values") {
  check_derivative(Neg{}, {-1.5, 2});
  check_derivative(Exp{}, {-2, 0.3, 3});
  check_derivative(Log{}, {0.1, 1.7, 20});
  check_derivative(Sqrt{}, {0.2, 3});
  check_derivative(Square{}, {-2, 0.5});
  check_derivative(Pow{2.5}, {0.3, 2});
  check_derivative(Pow{-3}, {-1.5, 0.7});
  check_derivative(SubtractFromScalar{3}, {-1, 2});
  check_derivative(MultiplyScalar{-0.7}, {-1, 2});
  check_derivative(DivideByScalar{4}, {-1, 2});
  check_derivative(DivideScalar{5}, {-1.3, 2});
}

TEST_CASE("values") {
  CHECK(Identity{}(3.5) == 3.5);
  CHECK(AddScalar{2}(1.0F) == 3.0F);
  CHECK(SubtractFromScalar{2}(5.0) == -3.0);
  CHECK(DivideScalar{1}(4.0) == 0.25);
  CHECK(Pow{0}(0.0) == 1.0);
  CHECK(Pow{0}.derivative(0.0, 1.0) == 0.0);
  CHECK(ChainRule<Square>{}(10.0, 3.0, 9.0) == 60.0);
}
