// Binary cross-entropy against its formula, with every reduction, with weights that broadcast, and far from 0.
#include "check_op.hpp"
#include "naive_broadcast.hpp"
#include <lockstep/autograd/ops/bce_with_logits.hpp>
#include <lockstep/tensor/tensor.hpp>

using namespace lockstep;
using check::Values;

namespace {

Values plain(const Values& x, const Values& t, const Values& weights, LossReduction reduction) {
  Values each;
  double total = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double p = 1 / (1 + std::exp(-x[i]));
    each.push_back(-(weights[i] * t[i] * std::log(p) + (1 - t[i]) * std::log(1 - p)));
    total += each.back();
  }
  if (reduction == LossReduction::none) return each;
  return {reduction == LossReduction::sum ? total : total / static_cast<double>(x.size())};
}

}  // namespace

TEST_CASE("mean, sum and none") {
  for (const Shape& shape : {Shape{}, Shape{6}, Shape{3, 37}}) {
    for (LossReduction reduction : {LossReduction::mean, LossReduction::sum, LossReduction::none}) {
      check::check_op<ops::BceWithLogits>(
          {shape, shape}, [&](auto&, auto& v) { return bce_with_logits(v[0], v[1], {}, reduction); },
          [&](const auto& v) { return plain(v[0], v[1], Values(v[0].size(), 1.0), reduction); });
    }
  }
}

TEST_CASE("weights of the positive class broadcast") {
  const Values weights{0.5, 2, 3, 0, 1, 7};
  const std::vector<float> singles(weights.begin(), weights.end());
  for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 1}, Shape{2, 3}}) {
    for (LossReduction reduction : {LossReduction::mean, LossReduction::none}) {
      Values full;
      for (std::int64_t i = 0; i < 6; ++i) full.push_back(weights[check::broadcast_index({2, 3}, shape, i)]);
      check::check_op<ops::BceWithLogits>(
          {{2, 3}, {2, 3}},
          [&](auto& tape, auto& v) {
            using T = typename std::remove_reference_t<decltype(tape)>::Scalar;
            if constexpr (std::is_same_v<T, double>) {
              return bce_with_logits(v[0], v[1], tape.constant({weights.data(), shape}), reduction);
            } else {
              return bce_with_logits(v[0], v[1], tape.constant({singles.data(), shape}), reduction);
            }
          },
          [&](const auto& v) { return plain(v[0], v[1], full, reduction); });
    }
  }
}

TEST_CASE("far from 0 nothing overflows and small losses keep their digits") {
  struct BceOps : OpList<ops::BceWithLogits> {};
  Cpu cpu;
  ParameterTable<float> table;
  Tape<Cpu, Fp32, BceOps> tape(table, cpu);
  const std::vector<float> logits{-1000, 1000, -20, 20, 1000, -1000};
  const auto targets = Tensor<float>::from({6}, {0, 1, 0, 1, 0, 1});
  const auto x = tape.variable({logits.data(), {6}});
  const auto losses = bce_with_logits(x, targets, {}, LossReduction::none);
  CHECK(losses.value()[0] == 0);
  CHECK(losses.value()[1] == 0);
  CHECK(losses.value()[2] == doctest::Approx(2.0611536e-9).epsilon(1e-6));
  CHECK(losses.value()[3] == doctest::Approx(2.0611536e-9).epsilon(1e-6));
  CHECK(losses.value()[4] == 1000);
  CHECK(losses.value()[5] == 1000);
  tape.backward(bce_with_logits(x, targets, {}, LossReduction::sum));
  CHECK(x.gradient()[3] == doctest::Approx(-2.0611536e-9).epsilon(1e-6));
  CHECK(x.gradient()[4] == 1);
  CHECK(x.gradient()[5] == -1);
}

TEST_CASE("shapes that differ and weights that do not broadcast are refused") {
  struct BceOps : OpList<ops::BceWithLogits> {};
  Cpu cpu;
  ParameterTable<float> table;
  Tape<Cpu, Fp32, BceOps> tape(table, cpu);
  const std::vector<float> memory(12, 0.5F);
  const auto x = tape.variable({memory.data(), {2, 3}});
  CHECK_THROWS_AS(static_cast<void>(bce_with_logits(x, Tensor<float>({3, 2}))), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(bce_with_logits(x, Tensor<float>({2, 3}), Tensor<float>({2}))), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(bce_with_logits(x, Tensor<float>({2, 3}), Tensor<float>({2, 2, 3}))), ShapeError);
}
