// Places of maxima: every dimension, first of equals, NaN, views, tensors and variables.
#include "check_op.hpp"
#include <lockstep/autograd/ops/argmax.hpp>

using namespace lockstep;

namespace {

std::vector<std::int32_t> values(const Tensor<std::int32_t>& tensor) {
  return {tensor.span().begin(), tensor.span().end()};
}

}  // namespace

TEST_CASE("every dimension, the first of equals") {
  const auto x = Tensor<float>::from({2, 3}, {1, 5, 5, 9, 2, 9});
  CHECK(values(argmax(x)) == std::vector<std::int32_t>{1, 0});
  CHECK(argmax(x).shape() == Shape{2});
  CHECK(values(argmax(x, 0)) == std::vector<std::int32_t>{1, 0, 1});
  CHECK(argmax(x.view(), -2).shape() == Shape{3});
  const auto cube = Tensor<std::int64_t>::from({2, 2, 2}, {1, 2, 3, 0, -5, -6, -7, -4});
  CHECK(values(argmax(cube, 1)) == std::vector<std::int32_t>{1, 0, 0, 1});
}

TEST_CASE("NaN is the largest") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(argmax(Tensor<double>::from({4}, {1, nan, 7, nan}), 0).item() == 1);
}

TEST_CASE("of a variable") {
  struct NoOps : OpList<check::WeightedSum> {};
  Cpu cpu;
  ParameterTable<double> table;
  Tape<Cpu, Fp64, NoOps> tape(table, cpu);
  const std::vector<double> memory{0, 2, 1};
  CHECK(argmax(tape.constant({memory.data(), {3}})).item() == 1);
}

TEST_CASE("dimensions without elements are refused") {
  const Tensor<float> x({2, 0});
  CHECK_THROWS_AS(static_cast<void>(argmax(x, 1)), ShapeError);
  CHECK(argmax(x, 0).shape() == Shape{0});
  CHECK_THROWS_AS(static_cast<void>(argmax(x, 2)), ShapeError);
}
