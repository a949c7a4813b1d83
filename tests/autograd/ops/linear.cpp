// x W^T + b: against plain loops and finite differences, with and without a bias, for any rank and for nothing at all.
#include "check_op.hpp"
#include <lockstep/autograd/ops/linear.hpp>

using namespace lockstep;
using check::Values;

namespace {

Values plain_linear(std::size_t rows, std::size_t in, std::size_t out, const Values& x, const Values& w,
                    const Values* b) {
  Values y(rows * out);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t o = 0; o < out; ++o) {
      double sum = b == nullptr ? 0 : (*b)[o];
      for (std::size_t j = 0; j < in; ++j) sum += x[i * in + j] * w[o * in + j];
      y[i * out + o] = sum;
    }
  }
  return y;
}

}  // namespace

TEST_CASE("linear: values and gradients") {
  struct Case {
    Shape x;
    std::int64_t out;
  };
  for (const Case& c : {Case{{3, 5}, 4}, Case{{1, 1}, 1}, Case{{7}, 3}, Case{{2, 3, 17}, 9}, Case{{1, 1, 2, 33}, 35}}) {
    const std::int64_t in = c.x[-1];
    const auto rows = static_cast<std::size_t>(c.x.numel() / in);
    CAPTURE(to_string(c.x));
    check::check_op<ops::Linear>(
        {c.x, {c.out, in}}, [](auto&, auto& v) { return linear(v[0], v[1]); },
        [&](const auto& v) {
          return plain_linear(rows, static_cast<std::size_t>(in), static_cast<std::size_t>(c.out), v[0], v[1], nullptr);
        });
    check::check_op<ops::Linear>(
        {c.x, {c.out, in}, {c.out}}, [](auto&, auto& v) { return linear(v[0], v[1], v[2]); },
        [&](const auto& v) {
          return plain_linear(rows, static_cast<std::size_t>(in), static_cast<std::size_t>(c.out), v[0], v[1], &v[2]);
        });
  }
}

TEST_CASE("linear: an empty batch has zero gradients, an empty sum is the bias") {
  check::check_op<ops::Linear>(
      {{0, 3}, {2, 3}, {2}}, [](auto&, auto& v) { return linear(v[0], v[1], v[2]); },
      [](const auto&) { return Values{}; });
  check::check_op<ops::Linear>(
      {{4, 0}, {2, 0}, {2}}, [](auto&, auto& v) { return linear(v[0], v[1], v[2]); },
      [](const auto& v) { return plain_linear(4, 0, 2, v[0], v[1], &v[2]); });
}

TEST_CASE("linear: parameters by handle") {
  Cpu cpu;
  ParameterTable<float> table;
  float w[] = {1, 2, 3, 4, 5, 6}, dw[6], b[] = {10, 20}, db[2], x[] = {1, 0, -1};
  const ParameterHandle weight = table.add(w, dw, {2, 3}, true);
  const ParameterHandle bias = table.add(b, db, {2}, true);
  struct CheckedOps : OpList<check::WeightedSum, ops::Linear> {};
  Tape<Cpu, Fp32, CheckedOps> tape(table, cpu);
  const double ones[] = {1, 1};
  const auto y = linear(tape.constant({x, {1, 3}}), weight, bias);
  CHECK(y.value()[0] == 8);
  CHECK(y.value()[1] == 18);
  tape.backward(tape.record(check::WeightedSum{ones}, y, y));
  CHECK(dw[0] == 3);
  CHECK(dw[1] == 0);
  CHECK(dw[5] == -3);
  CHECK(db[1] == 3);
}

TEST_CASE("linear: shapes that do not go together are named") {
  check::Runner<Fp64, ops::Linear> runner;
  const auto run = [&](const std::vector<Shape>& shapes) {
    std::vector<Values> values;
    for (const Shape& shape : shapes) values.push_back(check::numbers(shape.numel(), 1));
    static_cast<void>(runner.run(
        shapes, values, [](auto&, auto& v) { return v.size() == 2 ? linear(v[0], v[1]) : linear(v[0], v[1], v[2]); }));
  };
  CHECK_THROWS_WITH_AS(run({{2, 3}, {4, 5}}), doctest::Contains("[2, 3] and weight [4, 5]"), ShapeError);
  CHECK_THROWS_AS(run({{2, 3}, {4, 3}, {3}}), ShapeError);
  CHECK_THROWS_AS(run({{}, {4, 3}}), ShapeError);
  CHECK_THROWS_AS(run({{3}, {3}}), ShapeError);
}
