// The same elements under another shape: nothing is copied, forward or backward.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/var.hpp>

#include <initializer_list>

namespace lockstep::ops {

/// y = x under the shape `target`, which has as many elements.
struct Reshape {
  static constexpr const char* name = "reshape";
  static constexpr int arity = 1;
  static constexpr bool aliases_input = true;

  Shape target;

  Shape shape(const Shape& x) const {
    if (target.numel() != x.numel()) {
      throw ShapeError(
          concat("reshape: ", x, " has ", x.numel(), " elements, ", target, " needs ", target.numel(), " of them"));
    }
    return target;
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> x) const {
    context.pass_gradient(y, x);
  }
};

}  // namespace lockstep::ops

namespace lockstep {

/// The same elements under another shape; throws ShapeError when their number differs.
template <Variable V>
V reshape(const V& x, const Shape& shape) {
  return x.tape().record(ops::Reshape{shape}, x);
}

/// The same with one extent given as -1, which is inferred from the others.
template <Variable V>
V reshape(const V& x, std::initializer_list<std::int64_t> extents) {
  Shape known;
  int inferred = 0;
  for (std::int64_t extent : extents) {
    if (extent == -1) {
      ++inferred;
    } else {
      known.push_back(extent);
    }
  }
  if (inferred == 0) return reshape(x, known);
  if (inferred > 1 || known.numel() == 0 || x.numel() % known.numel() != 0) {
    throw ShapeError(concat("reshape: the extent given as -1 cannot be inferred for ", x.shape(), " (", x.numel(),
                            " elements) from ", inferred, " unknown and a product of ", known.numel(), " known ones"));
  }
  Shape shape;
  for (std::int64_t extent : extents) shape.push_back(extent == -1 ? x.numel() / known.numel() : extent);
  return reshape(x, shape);
}

/// Merges the dimensions from `first` to the last one into one.
template <Variable V>
V flatten(const V& x, int first = 0) {
  const int begin = x.rank() == 0 ? 0 : x.shape().normalize(first);
  Shape shape = x.shape().slice(0, begin);
  shape.push_back(x.shape().slice(begin, x.rank()).numel());
  return reshape(x, shape);
}

}  // namespace lockstep
