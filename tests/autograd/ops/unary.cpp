// Elementwise functions and powers against the standard library, finite differences and the edges of their domains.
#include "check_op.hpp"
#include <lockstep/autograd/ops/operators.hpp>

#include <initializer_list>

using namespace lockstep;
using check::Values;

namespace {

using Shift = ops::Unary<functions::AddScalar>;

// The op on x + 1.5, which lies in [0.5, 2.5): every function is smooth there.
template <class Function, class Apply>
void check_unary(Apply apply, double (*expected)(double)) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{37}, Shape{3, 5}, Shape{2, 0}}) {
    CAPTURE(to_string(shape));
    check::check_op<ops::Unary<Function>, Shift, ops::Unary<functions::Pow>, ops::Unary<functions::Square>,
                    ops::Unary<functions::Sqrt>>(
        {shape}, [&](auto&, auto& v) { return apply(v[0] + 1.5); },
        [&](const auto& v) {
          Values y;
          for (double x : v[0]) y.push_back(expected(x + 1.5));
          return y;
        });
  }
}

// The values and gradients of a function at the given points, in single precision.
template <class Apply>
std::array<std::vector<float>, 2> at(std::initializer_list<float> points, Apply apply) {
  struct AllOps : OpList<ops::Unary<functions::Neg>, ops::Unary<functions::Exp>, ops::Unary<functions::Log>,
                         ops::Unary<functions::Sqrt>, ops::Unary<functions::Square>, ops::Unary<functions::Pow>,
                         check::WeightedSum> {};
  static const std::vector<double> ones(64, 1.0);
  Cpu cpu;
  ParameterTable<float> table;
  Tape<Cpu, Fp32, AllOps> tape(table, cpu);
  const std::vector<float> memory(points);
  const std::vector<float> zeros(points.size(), 0.0F);
  const Shape shape{static_cast<std::int64_t>(memory.size())};
  const auto x = tape.variable({memory.data(), shape});
  const auto y = apply(x);
  std::array<std::vector<float>, 2> result;
  result[0].assign(y.value().span().begin(), y.value().span().end());
  tape.backward(tape.record(check::WeightedSum{ones.data()}, y, tape.constant({zeros.data(), shape})));
  result[1].assign(x.gradient().span().begin(), x.gradient().span().end());
  return result;
}

}  // namespace

TEST_CASE("neg, exp, log, sqrt, square") {
  check_unary<functions::Neg>([](auto x) { return -x; }, [](double x) { return -x; });
  check_unary<functions::Exp>([](auto x) { return exp(x); }, [](double x) { return std::exp(x); });
  check_unary<functions::Log>([](auto x) { return log(x); }, [](double x) { return std::log(x); });
  check_unary<functions::Sqrt>([](auto x) { return sqrt(x); }, [](double x) { return std::sqrt(x); });
  check_unary<functions::Square>([](auto x) { return square(x); }, [](double x) { return x * x; });
}

TEST_CASE("pow with a number") {
  check_unary<functions::Pow>([](auto x) { return pow(x, 3.0); }, [](double x) { return x * x * x; });
  check_unary<functions::Pow>([](auto x) { return pow(x, -1.5); }, [](double x) { return std::pow(x, -1.5); });
  check_unary<functions::Pow>([](auto x) { return pow(x, 0); }, [](double) { return 1.0; });
  check_unary<functions::Square>([](auto x) { return pow(x, 2); }, [](double x) { return x * x; });
  check_unary<functions::Sqrt>([](auto x) { return pow(x, 0.5); }, [](double x) { return std::sqrt(x); });
}

TEST_CASE("at the edges of the domain, as PyTorch") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const auto logarithm = at({0.0F, infinity, -1.0F}, [](auto x) { return log(x); });
  CHECK(logarithm[0][0] == -infinity);
  CHECK(logarithm[0][1] == infinity);
  CHECK(std::isnan(logarithm[0][2]));
  CHECK(logarithm[1][0] == infinity);
  CHECK(logarithm[1][1] == 0);
  const auto root = at({0.0F, infinity, -1.0F}, [](auto x) { return sqrt(x); });
  CHECK(root[0][0] == 0);
  CHECK(root[0][1] == infinity);
  CHECK(std::isnan(root[0][2]));
  CHECK(root[1][0] == infinity);
  const auto exponential = at({-infinity, infinity, 100.0F, -200.0F}, [](auto x) { return exp(x); });
  CHECK(exponential[0] == std::vector<float>{0, infinity, infinity, 0});
  const auto power = at({0.0F, -2.0F}, [](auto x) { return pow(x, 0); });
  CHECK(power[0] == std::vector<float>{1, 1});
  CHECK(power[1] == std::vector<float>{0, 0});
}
