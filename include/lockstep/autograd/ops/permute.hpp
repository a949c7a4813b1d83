// Another order of the dimensions; the elements are copied into it.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/var.hpp>
#include <lockstep/kernels/strided_plan.hpp>

#include <initializer_list>
#include <span>

namespace lockstep::ops {

/// y's dimension i is x's dimension order[i].
struct Permute {
  static constexpr const char* name = "permute";
  static constexpr int arity = 1;

  std::int8_t order[Shape::max_rank] = {};

  Shape shape(const Shape& x) const {
    Shape result;
    for (int i = 0; i < x.rank(); ++i) result.push_back(x[order[i]]);
    return result;
  }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> x) const {
    Context::Kernels::rearrange(context.device, plan(y.shape, x.shape, order), Destination<T>{y.data}, x.data);
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> x) const {
    if (const auto dx = context.gradient(x)) {
      std::int8_t inverse[Shape::max_rank] = {};
      for (int i = 0; i < x.value.rank(); ++i) inverse[order[i]] = static_cast<std::int8_t>(i);
      Context::Kernels::rearrange(context.device, plan(x.value.shape, y.value.shape, inverse), dx, y.gradient.data);
    }
  }

 private:
  static StridedPlan plan(const Shape& to, const Shape& from, const std::int8_t (&from_dimension)[Shape::max_rank]) {
    std::int64_t strides_of_from[Shape::max_rank] = {};
    std::int64_t stride = 1;
    for (int d = from.rank() - 1; d >= 0; --d) {
      strides_of_from[d] = stride;
      stride *= from[d];
    }
    std::int64_t strides[Shape::max_rank] = {};
    for (int d = 0; d < to.rank(); ++d) strides[d] = strides_of_from[from_dimension[d]];
    return StridedPlan(to, strides);
  }
};

}  // namespace lockstep::ops

namespace lockstep {

/// x with its dimensions in another order: dimension i of the result is dimension order[i] of x. Throws ShapeError when
/// `order` does not name each dimension once.
template <Variable V>
V permute(const V& x, std::span<const int> order) {
  ops::Permute op;
  unsigned seen = 0;
  for (std::size_t i = 0; i < order.size() && i < Shape::max_rank; ++i) {
    const int from = x.shape().normalize(order[i]);
    op.order[i] = static_cast<std::int8_t>(from);
    seen |= 1U << from;
  }
  if (static_cast<int>(order.size()) != x.rank() || seen != (1U << x.rank()) - 1) {
    throw ShapeError(concat("permute: the order must name each of the ", x.rank(), " dimensions of ", x.shape(),
                            " once; it names ", order.size()));
  }
  return x.tape().record(op, x);
}
template <Variable V>
V permute(const V& x, std::initializer_list<int> order) {
  return permute(x, std::span<const int>(order.begin(), order.size()));
}

/// x with two dimensions exchanged; negative ones count from the last.
template <Variable V>
V transpose(const V& x, int a, int b) {
  int order[Shape::max_rank] = {0, 1, 2, 3, 4, 5};
  const int first = x.shape().normalize(a);
  const int second = x.shape().normalize(b);
  order[first] = second;
  order[second] = first;
  return permute(x, std::span<const int>(order, static_cast<std::size_t>(x.rank())));
}

}  // namespace lockstep
