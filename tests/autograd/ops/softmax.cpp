// softmax and log_softmax along every dimension, against their formulas and finite differences.
#include "check_op.hpp"
#include <lockstep/autograd/ops/softmax.hpp>

using namespace lockstep;
using check::Values;

namespace {

Values plain_softmax(const Shape& shape, int dimension, const Values& x, bool logarithm) {
  const int d = shape.normalize(dimension);
  const auto count = static_cast<std::size_t>(shape[d]);
  const auto inner = static_cast<std::size_t>(shape.slice(d + 1, shape.rank()).numel());
  Values y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t first = i / (count * inner) * count * inner + i % inner;
    double sum = 0;
    for (std::size_t j = 0; j < count; ++j) sum += std::exp(x[first + j * inner]);
    y[i] = logarithm ? x[i] - std::log(sum) : std::exp(x[i]) / sum;
  }
  return y;
}

}  // namespace

TEST_CASE("softmax and log_softmax: every dimension") {
  for (const Shape& shape : {Shape{5}, Shape{1}, Shape{3, 4}, Shape{2, 37}, Shape{37, 2}, Shape{2, 3, 4},
                             Shape{3, 1, 2}, Shape{4, 70}, Shape{0, 3}}) {
    for (int d = -1; d < shape.rank(); ++d) {
      CAPTURE(to_string(shape));
      CAPTURE(d);
      check::check_op<ops::Softmax>(
          {shape}, [&](auto&, auto& v) { return softmax(v[0], d); },
          [&](const auto& v) { return plain_softmax(shape, d, v[0], false); });
      check::check_op<ops::LogSoftmax>(
          {shape}, [&](auto&, auto& v) { return log_softmax(v[0], d); },
          [&](const auto& v) { return plain_softmax(shape, d, v[0], true); });
    }
  }
}

TEST_CASE("softmax: large values neither overflow nor vanish") {
  check::Runner<Fp32, ops::Softmax> soft;
  check::Runner<Fp32, ops::LogSoftmax> log_soft;
  const Values x{1000, 1001, -1e30};
  const auto y = soft.run({{3}}, {x}, [](auto&, auto& v) { return softmax(v[0], 0); });
  check::compare(y.output, {1 / (1 + std::exp(1.0)), 1 / (1 + std::exp(-1.0)), 0}, 1e-6, "softmax");
  const auto z = log_soft.run({{3, 1}}, {x}, [](auto&, auto& v) { return log_softmax(v[0], 0); });
  CHECK(z.output[0] == doctest::Approx(-std::log1p(std::exp(1.0))));
  CHECK(z.output[2] == doctest::Approx(-1e30));
}

TEST_CASE("softmax: a dimension that is not there") {
  check::Runner<Fp64, ops::Softmax> runner;
  CHECK_THROWS_AS(runner.run({{3}}, {check::numbers(3, 1)}, [](auto&, auto& v) { return softmax(v[0], 1); }),
                  ShapeError);
}
