// Several tensors one after another along a dimension.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/var.hpp>

#include <initializer_list>
#include <span>
#include <vector>

namespace lockstep::ops {

/// y = the inputs joined along `dimension`; their other extents are equal.
struct Concat {
  static constexpr const char* name = "concat";
  static constexpr int arity = variadic;

  int dimension = 0;  // not negative

  Shape shape(std::span<const Shape> inputs) const {
    std::int64_t extent = 0;
    for (const Shape& input : inputs) {
      if (input.rank() != inputs[0].rank() || !(input.with(dimension, 0) == inputs[0].with(dimension, 0))) {
        throw ShapeError(
            lockstep::concat("concat: ", inputs[0], " and ", input, " differ outside dimension ", dimension));
      }
      extent += input[dimension];
    }
    return inputs[0].with(dimension, extent);
  }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, std::span<const TensorView<const T>> inputs) const {
    const auto [outer, stride] = rows(y.shape);
    std::int64_t offset = 0;
    for (const TensorView<const T>& input : inputs) {
      const std::int64_t run = rows(input.shape).length;
      Context::Kernels::copy_runs(context.device, outer, run, Destination<T>{y.data + offset}, stride, input.data, run);
      offset += run;
    }
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, std::span<Operand<T>> inputs) const {
    const auto [outer, stride] = rows(y.value.shape);
    std::int64_t offset = 0;
    for (Operand<T>& input : inputs) {
      const std::int64_t run = rows(input.value.shape).length;
      if (const auto dx = context.gradient(input)) {
        Context::Kernels::copy_runs(context.device, outer, run, dx, run, y.gradient.data + offset, stride);
      }
      offset += run;
    }
  }

 private:
  struct Rows {
    std::int64_t count;
    std::int64_t length;
  };

  Rows rows(const Shape& shape) const {
    return {shape.slice(0, dimension).numel(), shape.slice(dimension, shape.rank()).numel()};
  }
};

}  // namespace lockstep::ops

namespace lockstep {

/// Joins tensors along a dimension; their other extents must be equal, or ShapeError names the two that differ. At
/// least one tensor; a negative dimension counts from the last.
template <Variable V>
V concat(std::span<const V> inputs, int dimension) {
  if (inputs.empty()) throw ArgumentError("concat: at least one tensor is needed");
  for (const V& input : inputs) static_cast<void>(input.slot());  // throws when one is absent
  return inputs[0].tape().record_list(ops::Concat{inputs[0].shape().normalize(dimension)}, inputs);
}
template <Variable V>
V concat(const std::vector<V>& inputs, int dimension) {
  return concat(std::span<const V>(inputs), dimension);
}
template <Variable V>
V concat(std::initializer_list<V> inputs, int dimension) {
  return concat(std::span<const V>(inputs.begin(), inputs.size()), dimension);
}

}  // namespace lockstep
