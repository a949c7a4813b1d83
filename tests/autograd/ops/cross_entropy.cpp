// Cross entropy against its definition and finite differences, over weights, ignored targets, smoothing and reductions.
#include "check_op.hpp"
#include <lockstep/autograd/ops/cross_entropy.hpp>

using namespace lockstep;
using check::Values;

namespace {

struct Options {
  Values weight = {};
  std::int64_t ignore_index = -100;
  double label_smoothing = 0;
  LossReduction reduction = LossReduction::mean;
};

Values plain_cross_entropy(std::size_t classes, const std::vector<std::int32_t>& targets, const Options& options,
                           const Values& x) {
  Values losses;
  double total = 0, denominator = 0;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    double sum = 0;
    for (std::size_t c = 0; c < classes; ++c) sum += std::exp(x[i * classes + c]);
    double loss = 0;
    if (targets[i] != options.ignore_index) {
      const auto y = static_cast<std::size_t>(targets[i]);
      const auto weight = [&](std::size_t c) { return options.weight.empty() ? 1 : options.weight[c]; };
      const double e = options.label_smoothing;
      loss = (1 - e) * weight(y) * (std::log(sum) - x[i * classes + y]);
      for (std::size_t c = 0; c < classes; ++c) {
        loss += e / static_cast<double>(classes) * weight(c) * (std::log(sum) - x[i * classes + c]);
      }
      denominator += weight(y);
    }
    losses.push_back(loss);
    total += loss;
  }
  if (options.reduction == LossReduction::none) return losses;
  return {options.reduction == LossReduction::mean ? total / denominator : total};
}

void check_cross_entropy(const Shape& logits, std::vector<std::int32_t> targets, const Options& options) {
  CAPTURE(to_string(logits));
  const Shape shape = logits.slice(0, logits.rank() - 1);
  check::check_op<ops::CrossEntropy>(
      {logits},
      [&](auto&, auto& v) {
        using T = typename std::remove_reference_t<decltype(v[0])>::Scalar;
        static std::vector<T> weight;
        weight.assign(options.weight.begin(), options.weight.end());
        TensorView<const T> view;
        if (!weight.empty()) view = {weight.data(), {static_cast<std::int64_t>(weight.size())}};
        return cross_entropy(v[0], {targets.data(), shape},
                             {.weight = view,
                              .ignore_index = options.ignore_index,
                              .label_smoothing = options.label_smoothing,
                              .reduction = options.reduction});
      },
      [&](const auto& v) { return plain_cross_entropy(static_cast<std::size_t>(logits[-1]), targets, options, v[0]); });
}

}  // namespace

TEST_CASE("cross_entropy: every combination of weights, ignored targets, smoothing and reduction") {
  for (const auto reduction : {LossReduction::mean, LossReduction::sum, LossReduction::none}) {
    for (const double smoothing : {0.0, 0.1, 1.0}) {
      for (const bool weighted : {false, true}) {
        for (const bool ignored : {false, true}) {
          CAPTURE(smoothing);
          CAPTURE(weighted);
          CAPTURE(ignored);
          check_cross_entropy({2, 3, 5}, {4, 0, 1, ignored ? 2 : 3, 1, 4},
                              {.weight = weighted ? Values{0.5, 2, 1.5, 0, 3} : Values{},
                               .ignore_index = ignored ? 2 : -100,
                               .label_smoothing = smoothing,
                               .reduction = reduction});
        }
      }
    }
  }
}

TEST_CASE("cross_entropy: one row, one class, many classes, no rows") {
  check_cross_entropy({4}, {2}, {});
  check_cross_entropy({3, 1}, {0, 0, 0}, {});
  check_cross_entropy({2, 1100}, {1099, 3}, {.label_smoothing = 0.2});
  check_cross_entropy({0, 3}, {}, {.reduction = LossReduction::sum});
}

TEST_CASE("cross_entropy: large logits") {
  check::Runner<Fp32, ops::CrossEntropy> runner;
  const std::int32_t target = 1;
  const auto outcome = runner.run({{1, 3}}, {{1000, -1000, 999}}, [&](auto&, auto& v) {
    return cross_entropy(v[0], {&target, {1}});
  });
  CHECK(outcome.output[0] == doctest::Approx(2000 + std::log1p(std::exp(-1.0))));
}

TEST_CASE("cross_entropy: with all targets ignored the mean is NaN and the gradient zero") {
  check::Runner<Fp64, ops::CrossEntropy> runner;
  const std::int32_t targets[] = {-100, -100};
  const auto outcome = runner.run({{2, 3}}, {check::numbers(6, 1)}, [&](auto&, auto& v) {
    return cross_entropy(v[0], {targets, {2}});
  });
  CHECK(std::isnan(outcome.output[0]));
  CHECK(outcome.gradients[0] == Values(6, 0.0));
}

TEST_CASE("cross_entropy: what is wrong is named") {
  check::Runner<Fp64, ops::CrossEntropy> runner;
  const auto run = [&](const Shape& logits, std::vector<std::int32_t> targets,
                       const CrossEntropyOptions<double>& options = {}) {
    static_cast<void>(runner.run({logits}, {check::numbers(logits.numel(), 1)}, [&](auto&, auto& v) {
      return cross_entropy(v[0], {targets.data(), {static_cast<std::int64_t>(targets.size())}}, options);
    }));
  };
  CHECK_THROWS_WITH_AS(
      run({2, 3}, {0, 3}),
      "cross_entropy: the target at position 1 of [2] is 3; it must be at least 0 and less than 3, the "
      "number of classes",
      ArgumentError);
  CHECK_THROWS_AS(run({2, 3}, {0, -1}), ArgumentError);
  CHECK_NOTHROW(run({2, 3}, {0, -100}));
  CHECK_THROWS_WITH_AS(run({2, 3}, {0}), doctest::Contains("logits [2, 3] and targets [1]"), ShapeError);
  CHECK_THROWS_AS(run({2, 0}, {0, 0}), ShapeError);
  CHECK_THROWS_AS(run({2, 3}, {0, 1}, {.label_smoothing = 1.5}), ArgumentError);
  const double weight[] = {1, 2};
  CHECK_THROWS_AS(run({2, 3}, {0, 1}, {.weight = {weight, {2}}}), ShapeError);
}
