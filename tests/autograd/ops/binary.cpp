// Arithmetic with broadcasting on every side against the obvious loop and finite differences.
#include "check_op.hpp"
#include "naive_broadcast.hpp"
#include <lockstep/autograd/ops/binary.hpp>
#include <lockstep/autograd/ops/operators.hpp>

#include <string>
#include <utility>

using namespace lockstep;
using check::Values;

namespace {

using Shift = ops::Unary<functions::AddScalar>;

const std::vector<std::pair<Shape, Shape>>& shape_pairs() {
  static const std::vector<std::pair<Shape, Shape>> pairs{
      {{}, {}},
      {{5}, {5}},
      {{5}, {}},
      {{}, {5}},
      {{5}, {1}},
      {{2, 37}, {2, 37}},
      {{3, 4}, {4}},
      {{4}, {3, 4}},
      {{3, 4}, {3, 1}},
      {{3, 1}, {3, 4}},
      {{3, 1}, {1, 4}},
      {{1, 4}, {3, 1}},
      {{2, 3, 4}, {3, 1}},
      {{2, 3, 4}, {2, 1, 4}},
      {{2, 1, 4}, {2, 3, 4}},
      {{2, 1, 1}, {3, 4}},
      {{2, 1, 3, 1, 2}, {1, 2, 1, 2, 1}},
      {{2, 1, 3, 1, 2, 1}, {3, 1, 2, 1, 5}},
      {{0, 3}, {3}},
      {{0, 3}, {1, 1}},
      {{3, 0}, {3, 1}},
  };
  return pairs;
}

// function(a, b + 2), with b + 2 in [1, 3).
template <class Function, class Apply>
void check_binary(Apply apply, double (*expected)(double, double), double shift_of_a = 0) {
  for (const auto& shapes : shape_pairs()) {
    const Shape& a = shapes.first;
    const Shape& b = shapes.second;
    CAPTURE(to_string(a));
    CAPTURE(to_string(b));
    const Shape result = broadcast_shapes(a, b, "test");
    check::check_op<ops::Binary<Function>, Shift>(
        {a, b}, [&](auto&, auto& v) { return apply(v[0] + shift_of_a, v[1] + 2); },
        [&, left = a, right = b](const auto& v) {
          Values y;
          for (std::int64_t i = 0; i < result.numel(); ++i) {
            y.push_back(expected(v[0][check::broadcast_index(result, left, i)] + shift_of_a,
                                 v[1][check::broadcast_index(result, right, i)] + 2));
          }
          return y;
        });
  }
}

struct FewOps : OpList<ops::Binary<functions::Add>, ops::Binary<functions::Sub>, ops::Binary<functions::Mul>,
                       ops::Binary<functions::PowVariable>, check::WeightedSum> {};
using FewTape = Tape<Cpu, Fp64, FewOps>;

}  // namespace

TEST_CASE("add, sub, mul, div") {
  check_binary<functions::Add>([](auto a, auto b) { return a + b; }, [](double a, double b) { return a + b; });
  check_binary<functions::Sub>([](auto a, auto b) { return a - b; }, [](double a, double b) { return a - b; });
  check_binary<functions::Mul>([](auto a, auto b) { return a * b; }, [](double a, double b) { return a * b; });
  check_binary<functions::Div>([](auto a, auto b) { return a / b; }, [](double a, double b) { return a / b; });
}

TEST_CASE("pow of two variables") {
  check_binary<functions::PowVariable>([](auto a, auto b) { return pow(a, b); },
                                       [](double a, double b) { return std::pow(a, b); }, 1.5);
}

TEST_CASE("pow: gradients where the formula has no value are PyTorch's") {
  Cpu cpu;
  ParameterTable<double> table;
  FewTape tape(table, cpu);
  const std::vector<double> bases{0, 0, 3, -2};
  const std::vector<double> exponents{0, 2, 0, 2};
  const std::vector<double> ones(4, 1.0);
  const std::vector<double> zeros(4, 0.0);
  const auto a = tape.variable({bases.data(), {4}});
  const auto b = tape.variable({exponents.data(), {4}});
  const auto y = pow(a, b);
  CHECK(Values(y.value().span().begin(), y.value().span().end()) == Values{1, 0, 1, 4});
  tape.backward(tape.record(check::WeightedSum{ones.data()}, y, tape.constant({zeros.data(), {4}})));
  CHECK(Values(a.gradient().span().begin(), a.gradient().span().end()) == Values{0, 0, 0, -4});
  CHECK(b.gradient()[0] == 0);
  CHECK(b.gradient()[1] == 0);
  CHECK(b.gradient()[2] == doctest::Approx(std::log(3.0)));
  CHECK(std::isnan(b.gradient()[3]));
}

TEST_CASE("one variable on both sides") {
  check::check_op<ops::Binary<functions::Add>>(
      {{3, 4}}, [](auto&, auto& v) { return v[0] + v[0]; },
      [](const auto& v) {
        Values y;
        for (double x : v[0]) y.push_back(2 * x);
        return y;
      });
  check::check_op<ops::Binary<functions::Sub>>(
      {{3, 4}}, [](auto&, auto& v) { return v[0] - v[0]; }, [](const auto& v) { return Values(v[0].size(), 0.0); });
  check::check_op<ops::Binary<functions::Mul>, ops::Binary<functions::Add>, ops::Binary<functions::Sub>>(
      {{7}},
      [](auto&, auto& v) {
        const auto twice = v[0] + v[0];  // its gradient's memory is passed on, then added to
        return (twice + v[0]) * (twice - v[0]) + twice;
      },
      [](const auto& v) {
        Values y;
        for (double x : v[0]) y.push_back(3 * x * x + 2 * x);
        return y;
      });
}

TEST_CASE("shapes that do not go together are named") {
  Cpu cpu;
  ParameterTable<double> table;
  FewTape tape(table, cpu);
  const std::vector<double> memory(12, 1.0);
  const auto a = tape.constant({memory.data(), {3, 4}});
  const auto b = tape.constant({memory.data(), {3}});
  try {
    static_cast<void>(a * b);
    FAIL("no error");
  } catch (const ShapeError& error) {
    const std::string text = error.what();
    CHECK(text.find("mul") != std::string::npos);
    CHECK(text.find("[3, 4]") != std::string::npos);
    CHECK(text.find("[3]") != std::string::npos);
  }
}

TEST_CASE("a broadcast operand's gradient is summed accurately") {
  // In single precision a running sum of 2^20 times 0.1 would be off by several percent.
  Cpu cpu;
  ParameterTable<float> table;
  Tape<Cpu, Fp32, FewOps> tape(table, cpu);
  constexpr std::int64_t count = 1 << 20;
  const std::vector<float> memory(count, 0.1F);
  const std::vector<double> tenths(count, 0.1);
  const auto scalar = tape.variable({memory.data(), {}});
  const auto row = tape.variable({memory.data(), {4}});
  const auto y = tape.constant({memory.data(), {count / 4, 4}}) + scalar + row;
  const auto zeros = tape.constant({memory.data(), {count / 4, 4}});
  tape.backward(tape.record(check::WeightedSum{tenths.data()}, y, zeros));
  CHECK(scalar.gradient().item() == doctest::Approx(count * 0.1).epsilon(1e-6));
  for (float g : row.gradient().span()) CHECK(g == doctest::Approx(count * 0.025).epsilon(1e-6));
}
