// Checks an op against finite differences in double and its float kernels against the double ones. Every value and
// gradient is computed in memory that holds NaN from an earlier step, and every op is used twice, so that a kernel that
// reads what it should write, or forgets to accumulate, is found.
#pragma once

#include <lockstep/autograd/op_list.hpp>
#include <lockstep/autograd/tape.hpp>
#include <lockstep/kernels/cpu/kernels.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace check {

using namespace lockstep;

using Values = std::vector<double>;

/// Numbers in [-1, 1) that look random and are always the same.
inline Values numbers(std::int64_t count, std::uint64_t seed) {
  Philox random(seed, 77);
  Values values(static_cast<std::size_t>(count));
  for (double& value : values) value = 2 * random.uniform_double() - 1;
  return values;
}

/// The sum of weights * x: makes one number of an op's result, with a gradient that is different everywhere.
struct WeightedSum {
  static constexpr const char* name = "weighted_sum";
  static constexpr int arity = 2;

  const double* weights;

  Shape shape(const Shape&, const Shape&) const { return {}; }

  template <class Context, class T>
  void forward(Context&, TensorView<T> y, TensorView<const T> first, TensorView<const T> second) const {
    y[0] = 0;
    for (std::int64_t i = 0; i < first.numel(); ++i) {
      y[0] += static_cast<T>(weights[i]) * (first[i] + T(2) * second[i]);
    }
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> first, Operand<T> second) const {
    write(context, y.gradient[0], first);
    write(context, T(2) * y.gradient[0], second);
  }

  template <class Context, class T>
  void write(Context& context, T factor, Operand<T>& x) const {
    if (const auto dx = context.gradient(x)) {
      for (std::int64_t i = 0; i < x.value.numel(); ++i) {
        const T g = factor * static_cast<T>(weights[i]);
        dx.data[i] = dx.accumulate ? dx.data[i] + g : g;
      }
    }
  }
};

struct Outcome {
  Shape shape;
  Values output;
  Values weighted;  // one number: the loss
  std::vector<Values> gradients;
};

template <class Precision, class... Ops>
class Runner {
 public:
  using Scalar = typename Precision::Scalar;
  struct CheckedOps : OpList<WeightedSum, Ops...> {};
  using TapeType = Tape<Cpu, Precision, CheckedOps>;
  using V = typename TapeType::Variable;

  /// Runs loss = weighted_sum(f(inputs), f(inputs)).
  template <class Function>
  Outcome run(const std::vector<Shape>& shapes, const std::vector<Values>& values, Function f, bool backward = true) {
    std::vector<std::vector<Scalar>> memory;
    for (const Values& v : values) memory.emplace_back(v.begin(), v.end());
    std::vector<V> inputs;
    tape_.set_random_position(5, 6, 7);
    for (std::size_t i = 0; i < shapes.size(); ++i) inputs.push_back(tape_.variable({memory[i].data(), shapes[i]}));
    const V first = f(tape_, inputs);
    tape_.set_random_position(5, 6, 7);  // so that both uses drop the same elements
    const V second = f(tape_, inputs);
    const V loss = tape_.record(WeightedSum{weights_.data()}, first, second);
    Outcome outcome{first.shape(), {}, {static_cast<double>(loss.item())}, {}};
    for (Scalar x : first.value().span()) outcome.output.push_back(static_cast<double>(x));
    if (!backward) {
      tape_.reset();
      return outcome;
    }
    tape_.backward(loss);
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      const auto gradient = inputs[i].gradient();
      REQUIRE(gradient.shape == shapes[i]);
      outcome.gradients.emplace_back(gradient.span().begin(), gradient.span().end());
    }
    return outcome;
  }

 private:
  Cpu cpu_;
  ParameterTable<Scalar> table_;
  TapeType tape_{table_, cpu_};
  Values weights_ = numbers(1 << 16, 3);
};

inline void compare(const Values& a, const Values& b, double tolerance, const char* what) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double error = std::fabs(a[i] - b[i]) / (1 + std::fabs(b[i]));
    worst = error <= worst ? worst : error;  // NaN is the worst
  }
  INFO(what << ": the largest difference is " << worst);
  CHECK(worst <= tolerance);
}

/// Checks f(tape, inputs) for inputs of these shapes; the op types it records are listed first. `expected` computes the
/// output from the inputs' values.
template <class... Ops, class Function, class Expected>
void check_op(const std::vector<Shape>& shapes, Function f, Expected expected) {
  std::vector<Values> values;
  for (const Shape& shape : shapes) values.push_back(numbers(shape.numel(), values.size() + 1));
  std::vector<Values> poison;
  for (const Values& v : values) poison.emplace_back(v.size(), std::numeric_limits<double>::quiet_NaN());

  Runner<Fp64, Ops...> runner;
  for (int i = 0; i < 3; ++i) static_cast<void>(runner.run(shapes, poison, f));
  const Outcome outcome = runner.run(shapes, values, f);
  compare(outcome.output, expected(values), 1e-12, "forward");

  constexpr double step = 1e-5;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    Values numerical;
    for (double& x : values[i]) {
      const double original = x;
      x = original + step;
      const double above = runner.run(shapes, values, f, false).weighted[0];
      x = original - step;
      const double below = runner.run(shapes, values, f, false).weighted[0];
      x = original;
      numerical.push_back((above - below) / (2 * step));
    }
    INFO("input " << i);
    compare(outcome.gradients[i], numerical, 1e-7, "gradient");
  }

  Runner<Fp32, Ops...> single;
  for (int i = 0; i < 3; ++i) static_cast<void>(single.run(shapes, poison, f));
  const Outcome rounded = single.run(shapes, values, f);
  compare(rounded.output, outcome.output, 2e-5, "float forward");
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    compare(rounded.gradients[i], outcome.gradients[i], 1e-4, "float gradient");
  }
}

}  // namespace check
