// Sums, means and maxima over all dimensions or some of them.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/ops/dimensions.hpp>
#include <lockstep/autograd/ops/reduce_dimensions.hpp>
#include <lockstep/autograd/var.hpp>
#include <lockstep/kernels/broadcast_plan.hpp>
#include <lockstep/kernels/reduction_functions.hpp>

namespace lockstep::ops {

/// y = the sum over some dimensions, or with `mean` that divided by how many elements it has.
struct Sum {
  static constexpr const char* name = "sum";
  static constexpr int arity = 1;

  unsigned mask = 0;
  bool keepdim = false;
  bool mean = false;

  Shape shape(const Shape& x) const { return detail::reduced_shape(x, mask, keepdim); }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> x) const {
    detail::sum_dimensions(context, x.shape, mask, Destination<T>{y.data}, x.data, factor<T>(x.shape));
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> x) const {
    const Destination<T> dx = context.gradient(x);
    if (!dx) return;
    const Shape& shape = x.value.shape;
    const BroadcastPlan plan(shape, shape, detail::reduced_shape(shape, mask, true));
    Context::Kernels::broadcast(context.device, plan, dx, functions::ScaleSecond{static_cast<double>(factor<T>(shape))},
                                x.value.data, y.gradient.data);
  }

 private:
  template <class T>
  T factor(const Shape& x) const {
    return mean ? T(1) / static_cast<T>(detail::reduced_count(x, mask)) : T(1);
  }
};

/// y = the maximum over some dimensions; NaN where there is one. Ties: over a single named dimension the first maximum
/// gets the gradient, otherwise all share it evenly.
struct Max {
  static constexpr const char* name = "max";
  static constexpr int arity = 1;

  unsigned mask = 0;
  bool keepdim = false;
  int only_dimension = -1;  // the one that was named, or -1

  Shape shape(const Shape& x) const {
    if (detail::reduced_count(x, mask) == 0) {
      throw ShapeError(concat("max: there is no maximum over zero elements, the input's shape is ", x));
    }
    return detail::reduced_shape(x, mask, keepdim);
  }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> x) const {
    detail::reduce_dimensions(
        context, x.shape, mask, Destination<T>{y.data}, x.data,
        [&](std::int64_t outer, std::int64_t count, std::int64_t inner, Destination<T> to, const T* from, bool) {
          Context::Kernels::max(context.device, outer, count, inner, to.data, from);
        });
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> x) const {
    const Destination<T> dx = context.gradient(x);
    if (!dx) return;
    using Kernels = typename Context::Kernels;
    const Shape& shape = x.value.shape;
    const std::int64_t maxima = y.value.numel();
    if (only_dimension >= 0) {
      const std::int64_t count = shape[only_dimension];
      const std::int64_t outer = shape.slice(0, only_dimension).numel();
      const std::int64_t inner = shape.slice(only_dimension + 1, shape.rank()).numel();
      auto* index = context.template scratch<std::int32_t>(maxima);
      Kernels::argmax(context.device, outer, count, inner, index, x.value.data);
      Kernels::scatter(context.device, outer, count, inner, dx, index, y.gradient.data);
      return;
    }
    const BroadcastPlan plan(shape, shape, detail::reduced_shape(shape, mask, true));
    T* is_maximum = context.template scratch<T>(shape.numel());
    T* share = context.template scratch<T>(maxima);
    T* ties = context.template scratch<T>(maxima);
    Kernels::broadcast(context.device, plan, Destination<T>{is_maximum}, functions::SameValue{}, x.value.data,
                       y.value.data);
    detail::sum_dimensions(context, shape, mask, Destination<T>{ties}, static_cast<const T*>(is_maximum));
    Kernels::map(context.device, maxima, Destination<T>{share}, functions::Quotient{}, y.gradient.data, ties);
    Kernels::broadcast(context.device, plan, dx, functions::Product{}, static_cast<const T*>(is_maximum),
                       static_cast<const T*>(share));
  }
};

}  // namespace lockstep::ops

namespace lockstep {

/// The sum over the given dimensions, over all of them unless told otherwise; 0 over no elements. With `keepdim` they
/// stay as extents of 1.
template <Variable V>
V sum(const V& x, const Dimensions& dimensions = {}, bool keepdim = false) {
  return x.tape().record(ops::Sum{dimensions.mask(x.shape(), "sum"), keepdim, false}, x);
}

/// The mean over the given dimensions, over all of them unless told otherwise; NaN over no elements.
template <Variable V>
V mean(const V& x, const Dimensions& dimensions = {}, bool keepdim = false) {
  return x.tape().record(ops::Sum{dimensions.mask(x.shape(), "mean"), keepdim, true}, x);
}

/// The maximum over the given dimensions, over all of them unless told otherwise; NaN where there is one. Throws
/// ShapeError over no elements. Ties: see ops::Max.
template <Variable V>
V max(const V& x, const Dimensions& dimensions = {}, bool keepdim = false) {
  const int only = dimensions.size() == 1 && x.rank() > 0 ? x.shape().normalize(*dimensions.begin()) : -1;
  return x.tape().record(ops::Max{dimensions.mask(x.shape(), "max"), keepdim, only}, x);
}

}  // namespace lockstep
