#include "module_test.hpp"
#include <lockstep/nn/linear.hpp>

using namespace lockstep;
using namespace lockstep::testing;

TEST_CASE("Linear is x W^T + b over the last dimension, with and without bias") {
  for (const bool bias : {true, false}) {
    CAPTURE(bias);
    BoundModule bound(Linear(2, 3, {.bias = bias}));
    bound.set("weight", {1, 2, 3, 4, 5, 6});
    if (bias) bound.set("bias", {10, 20, 30});
    const auto y = bound(Tensor<double>::from({2, 1, 2}, {1, 1, 2, 0}));
    CHECK(y.shape() == Shape{2, 1, 3});
    const double b = bias ? 10 : 0;
    CHECK(values_of(y) == std::vector<double>{3 + b, 7 + 2 * b, 11 + 3 * b, 2 + b, 6 + 2 * b, 10 + 3 * b});
  }
  CHECK(parameter_count(Linear(784, 256)) == 784 * 256 + 256);
}

TEST_CASE("Linear starts as PyTorch's does: uniform in +-1/sqrt(in), weight and bias") {
  BoundModule bound(Linear(64, 1000));
  for (const char* name : {"weight", "bias"}) {
    double largest = 0;
    for (const double value : bound.get(name)) largest = std::max(largest, std::abs(value));
    CHECK(largest <= 0.125);
    CHECK(largest > 0.12);
  }
}

TEST_CASE("Linear refuses extents that are not positive, and inputs of another width") {
  CHECK_THROWS_AS(Linear(0, 3), ArgumentError);
  BoundModule bound(Linear(2, 3));
  CHECK_THROWS_WITH_AS(bound(Tensor<double>(Shape{4, 5})), doctest::Contains("[4, 5]"), ShapeError);
}

TEST_CASE("Linear takes first values from its options") {
  BoundModule bound(Linear(4, 1000, {.weight_initializer = init::normal(0, 0.02), .bias_initializer = init::ones()}));
  double squares = 0;
  for (const double value : bound.get("weight")) squares += value * value;
  CHECK(std::sqrt(squares / 4000) == doctest::Approx(0.02).epsilon(0.05));
  CHECK(std::ranges::count(bound.get("bias"), 1.0) == 1000);
}
