#include "module_test.hpp"
#include <lockstep/nn/normalization.hpp>

using namespace lockstep;
using namespace lockstep::testing;

TEST_CASE("LayerNorm: zero mean, unit variance, then weight and bias; the bias can be left out") {
  BoundModule bound(LayerNorm(2, {.epsilon = 0}));
  bound.set("weight", {2, 3});
  bound.set("bias", {10, 20});
  CHECK(values_of(bound(Tensor<double>::from({1, 2}, {5, 7}))) == std::vector<double>{8, 23});
  BoundModule without(LayerNorm(2, {.epsilon = 0, .bias = false}));
  CHECK(without.store.layout().ranges.size() == 1);
  CHECK(values_of(without(Tensor<double>::from({1, 2}, {5, 7}))) == std::vector<double>{-1, 1});
}

TEST_CASE("RmsNorm: divided by the root of the mean square, then the weight") {
  BoundModule bound(RmsNorm(2, 0));
  bound.set("weight", {2, 1});
  const auto y = values_of(bound(Tensor<double>::from({1, 2}, {1, 7})));
  CHECK(y[0] == doctest::Approx(0.4));
  CHECK(y[1] == doctest::Approx(1.4));
}
