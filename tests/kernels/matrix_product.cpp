// The description of a product travels by value, also to a device, and describes nothing until it is filled in.
#include <lockstep/kernels/matrix_product.hpp>

#include <doctest/doctest.h>

#include <type_traits>

TEST_CASE("MatrixProduct: plain data, one product of nothing by default") {
  static_assert(std::is_trivially_copyable_v<lockstep::MatrixProduct<float>>);
  const lockstep::MatrixProduct<float> product;
  CHECK(product.m * product.n * product.k == 0);
  CHECK(product.batch == 1);
  CHECK(product.alpha == 1);
  CHECK_FALSE(product.accumulate);
}
