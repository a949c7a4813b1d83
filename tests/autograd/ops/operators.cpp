// Operators with numbers on either side, and with handles of parameters.
#include "check_op.hpp"
#include <lockstep/autograd/ops/operators.hpp>

using namespace lockstep;
using check::Values;

namespace {

template <class Function, class Apply>
void check_scalar(Apply apply, double (*expected)(double)) {
  for (const Shape& shape : {Shape{}, Shape{19}, Shape{2, 3}, Shape{0}}) {
    CAPTURE(to_string(shape));
    check::check_op<ops::Unary<Function>, ops::Unary<functions::AddScalar>>(
        {shape}, [&](auto&, auto& v) { return apply(v[0] + 3); },
        [&](const auto& v) {
          Values y;
          for (double x : v[0]) y.push_back(expected(x + 3));
          return y;
        });
  }
}

struct SomeOps : OpList<ops::Binary<functions::Add>, ops::Binary<functions::Sub>, ops::Binary<functions::Mul>,
                        ops::Binary<functions::Div>, check::WeightedSum> {};

}  // namespace

TEST_CASE("numbers on either side") {
  using A = functions::AddScalar;
  check_scalar<A>([](auto x) { return x + 2.5; }, [](double x) { return x + 2.5; });
  check_scalar<A>([](auto x) { return 2 + x; }, [](double x) { return x + 2; });
  check_scalar<A>([](auto x) { return x - 0.25F; }, [](double x) { return x - 0.25; });
  check_scalar<A>([](auto x) { return x - 2U; }, [](double x) { return x - 2; });
  check_scalar<functions::SubtractFromScalar>([](auto x) { return 1 - x; }, [](double x) { return 1 - x; });
  check_scalar<functions::MultiplyScalar>([](auto x) { return x * -1.5; }, [](double x) { return x * -1.5; });
  check_scalar<functions::MultiplyScalar>([](auto x) { return 3 * x; }, [](double x) { return 3 * x; });
  check_scalar<functions::DivideByScalar>([](auto x) { return x / 7; }, [](double x) { return x / 7; });
  check_scalar<functions::DivideScalar>([](auto x) { return 2.0 / x; }, [](double x) { return 2 / x; });
  check_scalar<functions::Neg>([](auto x) { return -x; }, [](double x) { return -x; });
}

TEST_CASE("handles of parameters are operands") {
  Cpu cpu;
  ParameterTable<double> table;
  Tape<Cpu, Fp64, SomeOps> tape(table, cpu);
  std::vector<double> values{2, 4};
  std::vector<double> gradients(2);
  const ParameterHandle p = table.add(values.data(), gradients.data(), {2}, true);
  const std::vector<double> input{1, 2, 3, 4};
  const std::vector<double> ones(4, 1.0);
  const auto x = tape.constant({input.data(), {2, 2}});
  const auto y = (x + p) * p - p / x + (p - x);
  for (std::int64_t i = 0; i < 4; ++i) {
    const double a = input[static_cast<std::size_t>(i)];
    const double b = values[static_cast<std::size_t>(i % 2)];
    CHECK(y.value()[i] == doctest::Approx((a + b) * b - b / a + (b - a)));
  }
  const std::vector<double> zeros(4);
  tape.backward(tape.record(check::WeightedSum{ones.data()}, y, tape.constant({zeros.data(), {2, 2}})));
  for (std::size_t j = 0; j < 2; ++j) {
    double expected = 0;
    for (std::size_t i = j; i < 4; i += 2) expected += input[i] + 2 * values[j] - 1 / input[i] + 1;
    CHECK(gradients[j] == doctest::Approx(expected));
  }
}
