// Runs an optimizer over a reference case, and over ranges cut in pieces.
#pragma once

#include "../vectors/vectors.hpp"
#include <lockstep/kernels/cpu/kernels.hpp>
#include <lockstep/optim/optimizer.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace optimizer_fixture {

namespace ls = lockstep;

/// Parameters, gradients and as many states as the optimizer names.
template <class T>
struct Buffers {
  std::vector<T> parameters, gradients;
  std::vector<std::vector<T>> states;

  template <class Optimizer>
  Buffers(const Optimizer& optimizer, std::vector<T> start)
      : parameters(std::move(start)),
        gradients(parameters.size()),
        states(optimizer.state_names().size(), std::vector<T>(parameters.size())) {}

  ls::OptimizerRange<T> range(std::size_t first, std::size_t count, int group = 0) {
    ls::OptimizerRange<T> result;
    result.parameters = std::span<T>(parameters).subspan(first, count);
    result.gradients = std::span<const T>(gradients).subspan(first, count);
    for (std::size_t i = 0; i < states.size(); ++i) result.states[i] = std::span<T>(states[i]).subspan(first, count);
    result.group = group;
    return result;
  }
  ls::OptimizerRange<T> range(int group = 0) { return range(0, parameters.size(), group); }
};

/// Some deterministic values between -1 and 1.
template <class T>
std::vector<T> some_values(std::size_t count, std::uint64_t seed) {
  std::vector<T> values(count);
  for (T& value : values) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    value = static_cast<T>(static_cast<double>(seed >> 40) / static_cast<double>(1 << 23) - 1.0);
  }
  return values;
}

/// Compares every step of a reference trace, and the final states, by name.
template <class T, class Optimizer>
void check_trace(const Optimizer& optimizer, const vectors::Case& reference, double tolerance) {
  CAPTURE(reference.name);
  ls::Cpu device;
  optimizer.validate();
  const std::vector<double>& all = reference.input("gradients").values;
  const std::vector<double>& trace = reference.output("parameters").values;
  Buffers<T> buffers(optimizer, reference.input("parameter").as<T>());
  const std::size_t size = buffers.parameters.size();
  REQUIRE(all.size() == trace.size());
  REQUIRE(all.size() >= 5 * size);
  for (std::size_t step = 0; step * size < all.size(); ++step) {
    for (std::size_t i = 0; i < size; ++i) buffers.gradients[i] = static_cast<T>(all[step * size + i]);
    ls::StepInfo info{.step = static_cast<std::int64_t>(step) + 1};
    if (reference.has_input("learning_rates")) {
      info.learning_rate_multiplier = reference.input("learning_rates").values[step] / optimizer.learning_rate;
    }
    optimizer.update(device, buffers.range(), info);
    vectors::Array row;
    row.values.assign(trace.begin() + static_cast<std::ptrdiff_t>(step * size),
                      trace.begin() + static_cast<std::ptrdiff_t>((step + 1) * size));
    CAPTURE(step);
    CHECK(vectors::difference(buffers.parameters, row, tolerance) == "");
  }
  REQUIRE(reference.outputs.size() == 1 + buffers.states.size());
  for (std::size_t i = 0; i < buffers.states.size(); ++i) {
    const std::string name(optimizer.state_names()[i]);
    CHECK_MESSAGE(vectors::difference(buffers.states[i], reference.output(name), tolerance) == "", name);
  }
}

/// A step over a range gives the same bits as steps over its pieces, wherever they are cut.
template <class T, class Optimizer>
void check_pieces(const Optimizer& optimizer) {
  ls::Cpu device;
  constexpr std::size_t size = 1237;
  Buffers<T> whole(optimizer, some_values<T>(size, 1));
  Buffers<T> cut(optimizer, some_values<T>(size, 1));
  for (std::int64_t step = 1; step <= 3; ++step) {
    const ls::StepInfo info{.step = step, .learning_rate_multiplier = 0.7, .gradient_scale = 0.3};
    whole.gradients = cut.gradients = some_values<T>(size, static_cast<std::uint64_t>(step) + 10);
    optimizer.update(device, whole.range(), info);
    std::size_t first = 0;
    for (std::size_t length = 0; first < size; length = length * 2 + 1) {  // 0, 1, 3, 7, ...: every alignment
      const std::size_t count = std::min(length, size - first);
      optimizer.update(device, cut.range(first, count), info);
      first += count;
    }
    CHECK(whole.parameters == cut.parameters);
    CHECK(whole.states == cut.states);
  }
}

/// A gradient scale is a factor of the gradients and of nothing else.
template <class Optimizer>
void check_gradient_scale(const Optimizer& optimizer) {
  ls::Cpu device;
  Buffers<double> scaled(optimizer, some_values<double>(33, 3));
  Buffers<double> plain(optimizer, some_values<double>(33, 3));
  for (std::int64_t step = 1; step <= 3; ++step) {
    plain.gradients = some_values<double>(33, static_cast<std::uint64_t>(step));
    for (std::size_t i = 0; i < 33; ++i) scaled.gradients[i] = plain.gradients[i] * 1024.0;
    optimizer.update(device, plain.range(), {.step = step});
    optimizer.update(device, scaled.range(), {.step = step, .gradient_scale = 1.0 / 1024.0});
    CHECK(plain.parameters == scaled.parameters);
  }
}

}  // namespace optimizer_fixture
