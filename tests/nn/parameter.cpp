#include <lockstep/nn/parameter.hpp>

#include <doctest/doctest.h>

using namespace lockstep;

TEST_CASE("a parameter is a description until it is bound") {
  const Parameter parameter(Shape{2, 3}, init::ones());
  CHECK_FALSE(parameter.bound());
  CHECK(parameter.trainable);
  CHECK(parameter.shape == Shape{2, 3});
  CHECK(Parameter().shape.numel() == 0);
}
