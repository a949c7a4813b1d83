// How models, optimizers, loaders and schedules show their state to a checkpoint: named pieces of plain host memory.
#pragma once

#include <lockstep/core/dtype.hpp>
#include <lockstep/core/shape.hpp>
#include <lockstep/tensor/tensor_view.hpp>

#include <cstddef>
#include <string>
#include <utility>

namespace lockstep {

/// A named, typed, shaped piece of host memory that somebody else owns: {"model.hidden.weight", float32, [256, 784],
/// ...}. Saving only reads it; loading writes to it.
struct StateEntry {
  std::string name;
  DType dtype = DType::float32;
  Shape shape;
  void* data = nullptr;

  std::size_t bytes() const { return static_cast<std::size_t>(shape.numel()) * size_of(dtype); }
};

/// An entry for a tensor.
template <Element T>
StateEntry state_entry(std::string name, const TensorView<T>& tensor) {
  return {std::move(name), dtype_of<T>, tensor.shape, const_cast<std::remove_const_t<T>*>(tensor.data)};
}

/// An entry of rank 0 for one number: a step, an epoch, a scale.
template <Element T>
StateEntry state_entry(std::string name, T& number) {
  return {std::move(name), dtype_of<T>, Shape{}, const_cast<std::remove_const_t<T>*>(&number)};
}

}  // namespace lockstep
