// The scalar types of the precision policies.
#include <lockstep/autograd/precision.hpp>

#include <doctest/doctest.h>

#include <type_traits>

TEST_CASE("scalar types") {
  static_assert(std::is_same_v<lockstep::Fp32::Scalar, float>);
  CHECK(std::is_same_v<lockstep::Fp64::Scalar, double>);
}
