// RMS norm against its formula and finite differences.
#include "check_op.hpp"
#include <lockstep/autograd/ops/rms_norm.hpp>

using namespace lockstep;
using check::Values;

namespace {

Values plain_rms_norm(std::size_t columns, double epsilon, const Values& x, const Values* weight) {
  Values y(x.size());
  for (std::size_t i = 0; i < x.size(); i += columns) {
    double mean_square = 0;
    for (std::size_t j = 0; j < columns; ++j) mean_square += x[i + j] * x[i + j] / static_cast<double>(columns);
    for (std::size_t j = 0; j < columns; ++j) {
      y[i + j] = x[i + j] / std::sqrt(mean_square + epsilon) * (weight == nullptr ? 1 : (*weight)[j]);
    }
  }
  return y;
}

}  // namespace

TEST_CASE("rms_norm: with and without a weight") {
  for (const Shape& x : {Shape{3, 5}, Shape{7}, Shape{1, 1}, Shape{2, 3, 35}, Shape{70, 9}, Shape{0, 4}}) {
    CAPTURE(to_string(x));
    const auto columns = static_cast<std::size_t>(x[-1]);
    check::check_op<ops::RmsNorm>(
        {x, {x[-1]}}, [&](auto&, auto& v) { return rms_norm(v[0], v[1], 1e-3); },
        [&](const auto& v) { return plain_rms_norm(columns, 1e-3, v[0], &v[1]); });
    check::check_op<ops::RmsNorm>(
        {x}, [&](auto&, auto& v) { return rms_norm(v[0]); },
        [&](const auto& v) { return plain_rms_norm(columns, 1e-5, v[0], nullptr); });
  }
  check::check_op<ops::RmsNorm>(
      {{3, 2, 4}, {2, 4}}, [&](auto&, auto& v) { return rms_norm(v[0], v[1]); },
      [&](const auto& v) { return plain_rms_norm(8, 1e-5, v[0], &v[1]); });
}

TEST_CASE("rms_norm: a weight of another shape is refused") {
  check::Runner<Fp64, ops::RmsNorm> runner;
  CHECK_THROWS_AS(runner.run({{2, 3}, {2}}, {check::numbers(6, 1), check::numbers(2, 1)},
                             [](auto&, auto& v) { return rms_norm(v[0], v[1]); }),
                  ShapeError);
}
