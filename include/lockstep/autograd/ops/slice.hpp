// A range of indices of one dimension.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/var.hpp>

namespace lockstep::ops {

/// y = the indices [begin, end) of x's dimension `dimension`.
struct Slice {
  static constexpr const char* name = "slice";
  static constexpr int arity = 1;

  int dimension = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;

  Shape shape(const Shape& x) const { return x.with(dimension, end - begin); }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> x) const {
    const Runs runs = runs_in(x.shape);
    Context::Kernels::copy_runs(context.device, runs.count, runs.length, Destination<T>{y.data}, runs.length,
                                x.data + runs.offset, runs.stride);
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> x) const {
    const Destination<T> dx = context.gradient(x);
    if (!dx) return;
    if (!dx.accumulate) Context::Kernels::fill(context.device, x.value.numel(), dx, T(0));
    const Runs runs = runs_in(x.value.shape);
    Context::Kernels::copy_runs(context.device, runs.count, runs.length, dx + runs.offset, runs.stride, y.gradient.data,
                                runs.length);
  }

 private:
  struct Runs {
    std::int64_t count;   // how many contiguous runs the slice is
    std::int64_t length;  // elements of one
    std::int64_t offset;  // where the first begins in x
    std::int64_t stride;  // from one to the next in x
  };

  Runs runs_in(const Shape& x) const {
    const std::int64_t inner = x.slice(dimension + 1, x.rank()).numel();
    return {x.slice(0, dimension).numel(), (end - begin) * inner, begin * inner, x[dimension] * inner};
  }
};

}  // namespace lockstep::ops

namespace lockstep {

/// The indices [begin, end) of one dimension; negative ones count from its end, as does a negative dimension. Throws
/// ShapeError when the range is not inside the dimension.
template <Variable V>
V slice(const V& x, int dimension, std::int64_t begin, std::int64_t end) {
  const int d = x.shape().normalize(dimension);
  const std::int64_t extent = x.shape()[d];
  const std::int64_t first = begin < 0 ? begin + extent : begin;
  const std::int64_t last = end < 0 ? end + extent : end;
  if (first < 0 || last > extent || first > last) {
    throw ShapeError(
        concat("slice: [", begin, ", ", end, ") is not a range of dimension ", dimension, " of ", x.shape()));
  }
  return x.tape().record(ops::Slice{d, first, last}, x);
}

}  // namespace lockstep
