// Compares gradients with central finite differences in double precision: the test that every op has to pass.
#pragma once

#include <lockstep/autograd/core_ops.hpp>
#include <lockstep/autograd/tape.hpp>
#include <lockstep/core/philox.hpp>
#include <lockstep/kernels/cpu/kernels.hpp>
#include <lockstep/tensor/tensor.hpp>

#include <cmath>
#include <tuple>
#include <utility>

namespace lockstep {

/// How far a gradient may be from the finite difference: |got - expected| <= absolute + relative * |expected|.
struct GradcheckOptions {
  double step = 1e-6;
  double relative = 1e-5;
  double absolute = 1e-7;
  std::uint64_t seed = 0;  // of the projection that makes a scalar of the function's value
};

/// Checks the gradients of `function(variables...)`, which returns a variable of any shape, with respect to all inputs
/// (double tensors or views) at the given point. The value is contracted with fixed random numbers, so every element of
/// it counts. The function must be differentiable there and deterministic. Throws NumericalError that names input,
/// element, expected and got. `Ops` is the op list of the tape.
template <class Ops = CoreOps, class Function, class... Inputs>
void gradcheck(const GradcheckOptions& options, Function&& function, const Inputs&... inputs) {
  Cpu cpu;
  ParameterTable<double> parameters;
  using CheckTape = Tape<Cpu, Fp64, Ops>;
  CheckTape tape(parameters, cpu);
  typename CheckTape::NoGrad plain(parameters, cpu);
  auto points = std::make_tuple(
      Tensor<double>::from(TensorView<const double>(inputs).shape, TensorView<const double>(inputs).span())...);

  const auto projection_of = [&options](const Shape& shape) {
    Tensor<double> weights(shape);
    Philox random(options.seed);
    for (double& weight : weights.span()) weight = 2.0 * random.uniform_double() - 1.0;
    return weights;
  };
  const auto evaluate = [&]() {
    const auto value = std::apply([&](auto&... point) { return function(plain.constant(point.view())...); }, points);
    const Tensor<double> weights = projection_of(value.shape());
    double total = 0;
    for (std::int64_t i = 0; i < value.numel(); ++i) total += weights[i] * value.value()[i];
    plain.reset();
    return total;
  };

  const auto variables =
      std::apply([&](auto&... point) { return std::make_tuple(tape.variable(point.view())...); }, points);
  const auto value = std::apply(function, variables);
  const Tensor<double> weights = projection_of(value.shape());
  tape.backward(sum(value * tape.constant(weights.view())));

  [&]<std::size_t... Index>(std::index_sequence<Index...>) {
    const auto check = [&](std::size_t input, const auto& variable, Tensor<double>& point) {
      const TensorView<const double> gradient = variable.gradient();
      for (std::int64_t i = 0; i < point.numel(); ++i) {
        const double original = point[i];
        point[i] = original + options.step;
        const double above = evaluate();
        point[i] = original - options.step;
        const double below = evaluate();
        point[i] = original;
        const double expected = (above - below) / (2.0 * options.step);
        const double got = gradient.data == nullptr ? 0.0 : gradient[i];
        // Written so that NaN fails.
        if (!(std::fabs(got - expected) <= options.absolute + options.relative * std::fabs(expected))) {
          throw NumericalError(concat("gradcheck: input ", input, " of shape ", point.shape(), ", element ", i,
                                      ": expected ", expected, " from finite differences, got ", got));
        }
      }
    };
    (check(Index, std::get<Index>(variables), std::get<Index>(points)), ...);
  }
  (std::index_sequence_for<Inputs...>{});
}

/// The same with the default tolerances.
template <class Ops = CoreOps, class Function, class... Inputs>
requires(!std::is_same_v<std::remove_cvref_t<Function>, GradcheckOptions>) void gradcheck(Function&& function,
                                                                                          const Inputs&... inputs) {
  gradcheck<Ops>(GradcheckOptions{}, std::forward<Function>(function), inputs...);
}

}  // namespace lockstep
