// The small functions of reductions.
#include <lockstep/kernels/reduction_functions.hpp>

#include <doctest/doctest.h>

#include <limits>

using namespace lockstep::functions;

TEST_CASE("values") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(ScaleSecond{0.5}(7.0, 4.0) == 2.0);
  CHECK(SameValue{}(2.0, 2.0) == 1.0);
  CHECK(SameValue{}(2.0, 3.0) == 0.0);
  CHECK(SameValue{}(nan, nan) == 1.0);
  CHECK(SameValue{}(nan, 2.0) == 0.0);
  CHECK(Product{}(3.0F, 4.0F) == 12.0F);
  CHECK(Quotient{}(3.0F, 4.0F) == 0.75F);
}
