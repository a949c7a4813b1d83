// A module bound to values in double, without an accelerator.
#pragma once

#include <lockstep/autograd/core_ops.hpp>
#include <lockstep/autograd/tape.hpp>
#include <lockstep/kernels/cpu/kernels.hpp>
#include <lockstep/nn/parameter_store.hpp>
#include <lockstep/tensor/tensor.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace lockstep::testing {

using TestTape = Tape<Cpu, Fp64, CoreOps>;

template <Variable V>
std::vector<double> values_of(const V& variable) {
  const auto values = variable.value().span();
  return {values.begin(), values.end()};
}

/// Calls with a tensor run on a tape of its own; `tape` is there for backward.
template <Module M>
class BoundModule {
 public:
  explicit BoundModule(M description)
      : module(std::move(description)),
        store(
            module, table, [](std::size_t bytes) { return AlignedMemory(bytes); }, 3),
        tape(table, cpu) {}

  auto operator()(Tensor<double> input) {
    inputs_.push_back(std::move(input));
    return module(tape.constant(inputs_.back()));
  }
  auto operator()(const Tensor<std::int32_t>& indices) { return module(tape.indices(indices)); }

  std::span<double> get(std::string_view name) {
    for (std::size_t i = 0; i < store.layout().ranges.size(); ++i) {
      if (store.layout().ranges[i].name == name) return store.value(i).span();
    }
    FAIL("no parameter ", name);
    return {};
  }
  void set(std::string_view name, std::initializer_list<double> values) {
    REQUIRE(get(name).size() == values.size());
    std::copy(values.begin(), values.end(), get(name).begin());
  }

  M module;
  Cpu cpu;
  ParameterTable<double> table;
  ParameterStore<double, AlignedMemory> store;
  TestTape tape;

 private:
  std::vector<Tensor<double>> inputs_;
};

}  // namespace lockstep::testing
