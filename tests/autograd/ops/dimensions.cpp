// Sets of dimensions: negative ones, all of them, and what is refused.
#include <lockstep/autograd/ops/dimensions.hpp>

#include <doctest/doctest.h>

using lockstep::Dimensions;
using lockstep::Shape;
using lockstep::ShapeError;

TEST_CASE("a mask has a bit for each dimension") {
  const Shape shape{2, 3, 4};
  CHECK(Dimensions{}.mask(shape, "test") == 0b111U);
  CHECK(Dimensions(1).mask(shape, "test") == 0b010U);
  CHECK(Dimensions(-1).mask(shape, "test") == 0b100U);
  CHECK(Dimensions{0, -1}.mask(shape, "test") == 0b101U);
  CHECK(Dimensions{}.mask(Shape{}, "test") == 0U);
  CHECK(Dimensions{0, 2}.size() == 2);
}

TEST_CASE("dimensions that do not exist, come twice or are too many are refused") {
  const Shape shape{2, 3};
  CHECK_THROWS_AS(static_cast<void>(Dimensions(2).mask(shape, "test")), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(Dimensions(-3).mask(shape, "test")), ShapeError);
  CHECK_THROWS_WITH_AS(static_cast<void>(Dimensions({1, -1}).mask(shape, "sum")),
                       "sum: dimension -1 of [2, 3] is named twice", ShapeError);
  CHECK_THROWS_AS(static_cast<void>(Dimensions{0, 1, 2, 3, 4, 5, 6}), ShapeError);
}
