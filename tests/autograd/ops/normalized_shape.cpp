// Parameters of a norm have the last extents of its input.
#include <lockstep/autograd/ops/normalized_shape.hpp>

#include <doctest/doctest.h>

using namespace lockstep;

TEST_CASE("check_normalized_shape") {
  CHECK_NOTHROW(detail::check_normalized_shape("op", {2, 3, 4}, {4}));
  CHECK_NOTHROW(detail::check_normalized_shape("op", {2, 3, 4}, {3, 4}));
  CHECK_NOTHROW(detail::check_normalized_shape("op", {4}, {4}));
  for (const Shape& wrong : {Shape{}, Shape{3}, Shape{2, 4}, Shape{1, 2, 3, 4}}) {
    CHECK_THROWS_AS(detail::check_normalized_shape("op", {2, 3, 4}, wrong), ShapeError);
  }
}
