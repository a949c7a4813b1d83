// Layer norm against its formula and finite differences: weight and bias present or absent, one or two trailing
// dimensions, one element, constant rows.
#include "check_op.hpp"
#include <lockstep/autograd/ops/layer_norm.hpp>

using namespace lockstep;
using check::Values;

namespace {

Values plain_layer_norm(std::size_t columns, double epsilon, const Values& x, const Values* weight,
                        const Values* bias) {
  Values y(x.size());
  for (std::size_t i = 0; i < x.size(); i += columns) {
    double mean = 0, variance = 0;
    for (std::size_t j = 0; j < columns; ++j) mean += x[i + j] / static_cast<double>(columns);
    for (std::size_t j = 0; j < columns; ++j) {
      variance += (x[i + j] - mean) * (x[i + j] - mean) / static_cast<double>(columns);
    }
    for (std::size_t j = 0; j < columns; ++j) {
      const double normalized = (x[i + j] - mean) / std::sqrt(variance + epsilon);
      y[i + j] = normalized * (weight == nullptr ? 1 : (*weight)[j]) + (bias == nullptr ? 0 : (*bias)[j]);
    }
  }
  return y;
}

}  // namespace

TEST_CASE("layer_norm: weight and bias present and absent") {
  for (const Shape& x : {Shape{3, 5}, Shape{7}, Shape{1, 1}, Shape{2, 3, 35}, Shape{70, 9}}) {
    CAPTURE(to_string(x));
    const Shape row{x[-1]};
    const auto columns = static_cast<std::size_t>(x[-1]);
    const double epsilon = 1e-2;
    check::check_op<ops::LayerNorm>(
        {x, row, row}, [&](auto&, auto& v) { return layer_norm(v[0], v[1], v[2], epsilon); },
        [&](const auto& v) { return plain_layer_norm(columns, epsilon, v[0], &v[1], &v[2]); });
    check::check_op<ops::LayerNorm>(
        {x, row},
        [&](auto&, auto& v) {
          using V = std::remove_reference_t<decltype(v[0])>;
          return layer_norm(v[0], v[1], V{}, epsilon);
        },
        [&](const auto& v) { return plain_layer_norm(columns, epsilon, v[0], &v[1], nullptr); });
    check::check_op<ops::LayerNorm>(
        {x, row},
        [&](auto&, auto& v) {
          using V = std::remove_reference_t<decltype(v[0])>;
          return layer_norm(v[0], V{}, v[1], epsilon);
        },
        [&](const auto& v) { return plain_layer_norm(columns, epsilon, v[0], nullptr, &v[1]); });
    check::check_op<ops::LayerNorm>(
        {x},
        [&](auto&, auto& v) {
          using V = std::remove_reference_t<decltype(v[0])>;
          return layer_norm(v[0], V{}, V{}, epsilon);
        },
        [&](const auto& v) { return plain_layer_norm(columns, epsilon, v[0], nullptr, nullptr); });
  }
}

TEST_CASE("layer_norm: two trailing dimensions, an empty batch, one variable in two places") {
  check::check_op<ops::LayerNorm>(
      {{4, 2, 3}, {2, 3}, {2, 3}}, [](auto&, auto& v) { return layer_norm(v[0], v[1], v[2]); },
      [](const auto& v) { return plain_layer_norm(6, 1e-5, v[0], &v[1], &v[2]); });
  check::check_op<ops::LayerNorm>(
      {{0, 3}, {3}, {3}}, [](auto&, auto& v) { return layer_norm(v[0], v[1], v[2]); },
      [](const auto&) { return Values{}; });
  check::check_op<ops::LayerNorm>(
      {{6}, {6}}, [](auto&, auto& v) { return layer_norm(v[0], v[1], v[1]); },
      [](const auto& v) { return plain_layer_norm(6, 1e-5, v[0], &v[1], &v[1]); });
  check::check_op<ops::LayerNorm>(
      {{6}}, [](auto&, auto& v) { return layer_norm(v[0], v[0], v[0]); },
      [](const auto& v) { return plain_layer_norm(6, 1e-5, v[0], &v[0], &v[0]); });
}

TEST_CASE("layer_norm: rows far from zero keep their digits") {
  check::Runner<Fp32, ops::LayerNorm> runner;
  const Values x{10000, 10001, 10002, 10003};
  const auto outcome = runner.run({{4}}, {x}, [](auto&, auto& v) { return layer_norm(v[0]); });
  check::compare(outcome.output, plain_layer_norm(4, 1e-5, x, nullptr, nullptr), 1e-5, "forward");
}

TEST_CASE("layer_norm: shapes that do not go together are named") {
  check::Runner<Fp64, ops::LayerNorm> runner;
  const auto run = [&](const std::vector<Shape>& shapes) {
    std::vector<Values> values;
    for (const Shape& shape : shapes) values.push_back(check::numbers(shape.numel(), 1));
    static_cast<void>(runner.run(shapes, values, [](auto&, auto& v) {
      return v.size() == 1 ? layer_norm(v[0]) : v.size() == 2 ? layer_norm(v[0], v[1]) : layer_norm(v[0], v[1], v[2]);
    }));
  };
  CHECK_THROWS_WITH_AS(run({{2, 3}, {4}}),
                       doctest::Contains("shape [4] must have the last extents of the input [2, 3]"), ShapeError);
  CHECK_THROWS_AS(run({{2, 3}, {3}, {1}}), ShapeError);
  CHECK_THROWS_AS(run({{3}, {2, 3}}), ShapeError);
  CHECK_THROWS_AS(run({Shape{}}), ShapeError);
}
