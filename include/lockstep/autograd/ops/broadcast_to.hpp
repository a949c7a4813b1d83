// Repeats a tensor along new dimensions and along extents of 1.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/ops/reduce_dimensions.hpp>
#include <lockstep/autograd/var.hpp>
#include <lockstep/kernels/strided_plan.hpp>

namespace lockstep::ops {

/// y = x repeated to the shape `target`, by the rules of broadcasting.
struct BroadcastTo {
  static constexpr const char* name = "broadcast_to";
  static constexpr int arity = 1;

  Shape target;

  Shape shape(const Shape& x) const {
    if (!(broadcast_shapes(x, target, name) == target)) {
      throw ShapeError(concat("broadcast_to: ", x, " cannot be repeated to ", target));
    }
    return target;
  }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> x) const {
    std::int64_t strides[Shape::max_rank] = {};
    std::int64_t stride = 1;
    for (int i = 1; i <= x.rank(); ++i) {
      strides[y.rank() - i] = x.shape[-i] == 1 ? 0 : stride;
      stride *= x.shape[-i];
    }
    Context::Kernels::rearrange(context.device, StridedPlan(y.shape, strides), Destination<T>{y.data}, x.data);
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> x) const {
    if (const auto dx = context.gradient(x)) {
      const Shape& shape = y.value.shape;
      detail::sum_dimensions(context, shape, detail::broadcast_mask(shape, x.value.shape), dx, y.gradient.data);
    }
  }
};

}  // namespace lockstep::ops

namespace lockstep {

/// x repeated to a shape that it broadcasts to; throws ShapeError with both shapes otherwise.
template <Variable V>
V broadcast_to(const V& x, const Shape& shape) {
  return x.tape().record(ops::BroadcastTo{shape}, x);
}

}  // namespace lockstep
