// Where the maximum is: predictions from logits. It has no gradient.
#pragma once

#include <lockstep/autograd/var.hpp>
#include <lockstep/kernels/kernels.hpp>
#include <lockstep/tensor/tensor.hpp>

#include <cstdint>
#include <limits>

namespace lockstep {

/// For each index of the other dimensions the first place along `dimension` at which the maximum stands; NaN counts as
/// the largest. The result has no such dimension. Allocates it. Throws ShapeError when the dimension has no elements.
template <Element T, Device DeviceType = Cpu>
Tensor<std::int32_t, DeviceType> argmax(TensorView<T> x, int dimension = -1, DeviceType device = {}) {
  const int d = x.shape.normalize(dimension);
  const std::int64_t count = x.shape[d];
  if (count == 0 || count > std::numeric_limits<std::int32_t>::max()) {
    throw ShapeError(
        concat("argmax: dimension ", dimension, " of ", x.shape, " must have between 1 and 2147483647 elements"));
  }
  const Shape before = x.shape.slice(0, d);
  const Shape after = x.shape.slice(d + 1, x.rank());
  Shape shape = before;
  for (std::int64_t extent : after) shape.push_back(extent);
  Tensor<std::int32_t, DeviceType> result(shape, device);
  Kernels<DeviceType>::argmax(device, before.numel(), count, after.numel(), result.data(),
                              static_cast<const T*>(x.data));
  return result;
}

/// The same of a tensor.
template <Element T, Device DeviceType>
Tensor<std::int32_t, DeviceType> argmax(const Tensor<T, DeviceType>& x, int dimension = -1) {
  return argmax(x.view(), dimension, DeviceType{});
}

/// The same of a variable.
template <Variable V>
auto argmax(const V& x, int dimension = -1) {
  return argmax(x.value(), dimension, x.tape().device());
}

}  // namespace lockstep
