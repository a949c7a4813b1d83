// Activation functions against their formulas, finite differences, and far from 0.
#include "check_op.hpp"
#include <lockstep/autograd/ops/activations.hpp>
#include <lockstep/autograd/ops/operators.hpp>

using namespace lockstep;
using check::Values;

namespace {

using Scale = ops::Unary<functions::MultiplyScalar>;

double normal_distribution(double x) { return 0.5 * (1 + std::erf(x / std::sqrt(2.0))); }

// The op on 4x, in [-4, 4).
template <class Function, class Apply>
void check_activation(Apply apply, double (*expected)(double)) {
  for (const Shape& shape : {Shape{}, Shape{101}, Shape{3, 1, 5}, Shape{0}}) {
    CAPTURE(to_string(shape));
    check::check_op<ops::Unary<Function>, Scale>(
        {shape}, [&](auto&, auto& v) { return apply(4 * v[0]); },
        [&](const auto& v) {
          Values y;
          for (double x : v[0]) y.push_back(expected(4 * x));
          return y;
        });
  }
}

struct AllOps : OpList<ops::Unary<functions::Relu>, ops::Unary<functions::Tanh>, ops::Unary<functions::Sigmoid>,
                       ops::Unary<functions::Silu>, ops::Unary<functions::Gelu>, ops::Unary<functions::GeluTanh>,
                       check::WeightedSum> {};

}  // namespace

TEST_CASE("relu, tanh, sigmoid, silu, gelu, gelu_tanh") {
  check_activation<functions::Relu>([](auto x) { return relu(x); }, [](double x) { return x > 0 ? x : 0; });
  check_activation<functions::Tanh>([](auto x) { return tanh(x); }, [](double x) { return std::tanh(x); });
  check_activation<functions::Sigmoid>([](auto x) { return sigmoid(x); },
                                       [](double x) { return 1 / (1 + std::exp(-x)); });
  check_activation<functions::Silu>([](auto x) { return silu(x); }, [](double x) { return x / (1 + std::exp(-x)); });
  check_activation<functions::Gelu>([](auto x) { return gelu(x); },
                                    [](double x) { return x * normal_distribution(x); });
  check_activation<functions::GeluTanh>(
      [](auto x) { return gelu_tanh(x); },
      [](double x) {
        return 0.5 * x * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
      });
}

TEST_CASE("far from 0 and at NaN, single precision") {
  Cpu cpu;
  ParameterTable<float> table;
  Tape<Cpu, Fp32, AllOps> tape(table, cpu);
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> points{-1000, -50, 50, 1000, infinity, std::numeric_limits<float>::quiet_NaN()};
  const std::vector<float> zeros(points.size(), 0.0F);
  const std::vector<double> ones(points.size(), 1.0);
  const auto check_limits = [&](auto apply, std::vector<float> values, std::vector<float> gradients) {
    const auto x = tape.variable({points.data(), {6}});
    const auto y = apply(x);
    for (std::size_t i = 0; i < 5; ++i) {
      const float got = y.value()[static_cast<std::int64_t>(i)];
      CHECK((got == values[i] || got == doctest::Approx(static_cast<double>(values[i]))));
    }
    CHECK(std::isnan(y.value()[5]));
    tape.backward(tape.record(check::WeightedSum{ones.data()}, y, tape.constant({zeros.data(), {6}})));
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      CHECK(x.gradient()[static_cast<std::int64_t>(i)] == doctest::Approx(static_cast<double>(gradients[i])));
    }
  };
  check_limits([](auto x) { return relu(x); }, {0, 0, 50, 1000, infinity}, {0, 0, 1, 1, 1});
  check_limits([](auto x) { return tanh(x); }, {-1, -1, 1, 1, 1}, {0, 0, 0, 0, 0});
  check_limits([](auto x) { return sigmoid(x); }, {0, 0, 1, 1, 1}, {0, 0, 0, 0, 0});
  check_limits([](auto x) { return silu(x); }, {0, 0, 50, 1000, infinity}, {0, 0, 1, 1});
  check_limits([](auto x) { return gelu(x); }, {0, 0, 50, 1000, infinity}, {0, 0, 1, 1});
  check_limits([](auto x) { return gelu_tanh(x); }, {0, 0, 50, 1000, infinity}, {0, 0, 1, 1});
}

TEST_CASE("relu: the gradient at 0 is 0") {
  Cpu cpu;
  ParameterTable<float> table;
  Tape<Cpu, Fp32, AllOps> tape(table, cpu);
  const std::vector<float> zero{0.0F};
  const auto x = tape.variable({zero.data(), {}});
  tape.backward(relu(x));
  CHECK(x.gradient().item() == 0);
}
