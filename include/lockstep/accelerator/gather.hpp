// Gathering tensors of all ranks, also when their first extents differ.
#pragma once

#include <lockstep/comm/communicator.hpp>
#include <lockstep/tensor/tensor.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace lockstep::detail {

/// The first `valid` of `size` rows; rows that are padding carry no weight.
template <class T>
TensorView<const T> without_padding(TensorView<const T> tensor, std::int64_t size, std::int64_t valid) {
  if (tensor.rank() == 0 || tensor.extent(0) != size) {
    throw ShapeError(concat("gather_for_metrics: the first extent of ", tensor.shape, " is not the batch's size ", size,
                            "; gather one row per sample"));
  }
  return tensor.rows(0, valid);
}

template <class CommunicatorType, class T>
Tensor<T> gather(CommunicatorType& communicator, TensorView<const T> tensor) {
  const auto world_size = static_cast<std::size_t>(communicator.size());
  const Shape own = tensor.rank() == 0 ? Shape{1} : tensor.shape;
  std::int64_t row = 1;
  for (int i = 1; i < own.rank(); ++i) row *= own[i];

  std::vector<std::int64_t> shapes(2 * world_size);  // rows and elements per row of each rank
  const std::int64_t mine[2] = {own[0], row};
  communicator.all_gather(std::span<const std::int64_t>(mine), std::span<std::int64_t>(shapes));
  std::vector<std::int64_t> counts(world_size);
  std::int64_t rows = 0;
  for (std::size_t r = 0; r < world_size; ++r) {
    if (shapes[2 * r + 1] != row) {
      throw ShapeError(concat("gather: rank ", r, " has rows of ", shapes[2 * r + 1], " elements, rank ",
                              communicator.rank(), " has rows of ", row, " (its shape is ", tensor.shape,
                              "); all extents but the first must agree"));
    }
    counts[r] = shapes[2 * r] * row;
    rows += shapes[2 * r];
  }
  Tensor<T> result(own.with(0, rows));
  communicator.all_gather_ragged(tensor.span(), result.span(), std::span<const std::int64_t>(counts));
  return result;
}

}  // namespace lockstep::detail
