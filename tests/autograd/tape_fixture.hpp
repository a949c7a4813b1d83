// A tape over a few ops and parameters, for the tests of this folder.
#pragma once

#include <lockstep/autograd/ops/activations.hpp>
#include <lockstep/autograd/ops/concat.hpp>
#include <lockstep/autograd/ops/operators.hpp>
#include <lockstep/autograd/ops/reduce.hpp>
#include <lockstep/autograd/ops/reshape.hpp>
#include <lockstep/autograd/tape.hpp>
#include <lockstep/kernels/cpu/kernels.hpp>

#include <deque>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace check {

using namespace lockstep;

struct FixtureOps : OpList<ops::Binary<functions::Add>, ops::Binary<functions::Sub>, ops::Binary<functions::Mul>,
                           ops::Binary<functions::Div>, ops::Unary<functions::MultiplyScalar>,
                           ops::Unary<functions::AddScalar>, ops::Unary<functions::Relu>, ops::Unary<functions::Tanh>,
                           ops::Unary<functions::Log>, ops::Concat, ops::Reshape, ops::Sum> {};

using FixtureTape = Tape<Cpu, Fp64, FixtureOps>;
using FixtureVar = Var<FixtureTape>;
using Values = std::vector<double>;

/// Owns the memory of parameters.
struct Parameters {
  ParameterTable<double> table;
  std::deque<std::pair<Values, Values>> memory;  // value and gradient; a deque, because addresses must stay

  ParameterHandle add(std::initializer_list<double> values, bool trainable = true) {
    auto& [value, gradient] = memory.emplace_back(Values(values), Values(values.size(), -99.0));
    return table.add(value.data(), trainable ? gradient.data() : nullptr, {static_cast<std::int64_t>(values.size())},
                     trainable);
  }
  const Values& gradient(ParameterHandle handle) const { return memory[static_cast<std::size_t>(handle.index)].second; }
  void zero_grad() {
    for (std::int32_t i = 0; i < table.size(); ++i) table[i].has_gradient = false;
  }
};

struct Fixture : Parameters {
  Cpu cpu;
  FixtureTape tape{table, cpu};
};

/// Writes down what the sweep tells: "unused 1, ready 0, ".
struct Log {
  std::string text;

  void unused(std::int32_t parameter) { text += concat("unused ", parameter, ", "); }
  void ready(std::int32_t parameter) { text += concat("ready ", parameter, ", "); }
};

inline Values values(TensorView<const double> view) { return {view.span().begin(), view.span().end()}; }

}  // namespace check
