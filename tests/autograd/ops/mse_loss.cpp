// The squared difference against its formula, with every reduction and with targets that are no variables.
#include "check_op.hpp"
#include <lockstep/autograd/ops/mse_loss.hpp>
#include <lockstep/tensor/tensor.hpp>

using namespace lockstep;
using check::Values;

namespace {

Values plain(const Values& a, const Values& b, LossReduction reduction) {
  Values each;
  double total = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    each.push_back((a[i] - b[i]) * (a[i] - b[i]));
    total += each.back();
  }
  if (reduction == LossReduction::none) return each;
  return {reduction == LossReduction::sum ? total : total / static_cast<double>(a.size())};
}

struct MseOps : OpList<ops::MseLoss> {};

}  // namespace

TEST_CASE("mean, sum and none") {
  for (const Shape& shape : {Shape{}, Shape{5}, Shape{7, 31}, Shape{2, 3, 4}}) {
    for (LossReduction reduction : {LossReduction::mean, LossReduction::sum, LossReduction::none}) {
      check::check_op<ops::MseLoss>(
          {shape, shape}, [&](auto&, auto& v) { return mse_loss(v[0], v[1], reduction); },
          [&](const auto& v) { return plain(v[0], v[1], reduction); });
    }
  }
}

TEST_CASE("a target that is a tensor; shapes that differ; no elements") {
  Cpu cpu;
  ParameterTable<double> table;
  Tape<Cpu, Fp64, MseOps> tape(table, cpu);
  const std::vector<double> memory{1, 2, 4};
  const auto target = Tensor<double>::from({3}, {1, 1, 1});
  const auto x = tape.variable({memory.data(), {3}});
  const auto loss = mse_loss(x, target);
  CHECK(loss.item() == doctest::Approx(10.0 / 3));
  CHECK_THROWS_AS(static_cast<void>(mse_loss(x, Tensor<double>({3, 1}))), ShapeError);
  tape.backward(loss);
  CHECK(x.gradient()[2] == doctest::Approx(2.0));
  CHECK(std::isnan(mse_loss(tape.variable({memory.data(), {0}}), Tensor<double>({0})).item()));
}
