#include "module_test.hpp"
#include <lockstep/nn/activations.hpp>
#include <lockstep/nn/linear.hpp>
#include <lockstep/nn/sequential.hpp>

#include <string>

using namespace lockstep;
using namespace lockstep::testing;

TEST_CASE("Sequential calls its parts in order and names them by position") {
  BoundModule bound(Sequential(Linear(2, 1), Relu(), Linear(1, 1, {.bias = false})));
  std::string names;
  for (const auto& range : bound.store.layout().ranges) names += range.name + " ";
  CHECK(names == "0.weight 0.bias 2.weight ");
  bound.set("0.weight", {1, -1});
  bound.set("0.bias", {0.5});
  bound.set("2.weight", {10});
  CHECK(values_of(bound(Tensor<double>::from({2, 2}, {3, 1, 1, 3}))) == std::vector<double>{25, 0});
}

static_assert(Module<Sequential<>>);
