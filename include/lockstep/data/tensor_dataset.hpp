// A data set that lies in memory: sample i is row i of two tensors.
#pragma once

#include <lockstep/data/dataset.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

namespace lockstep {

namespace detail {

/// Copies the given rows of `table` into the rows of `rows`; whole rows, so any rank from 1 on.
template <Element T>
void gather_rows(const Tensor<T>& table, std::span<const std::int64_t> indices, Tensor<T>& rows) {
  const Shape shape = table.shape().with(0, static_cast<std::int64_t>(indices.size()));
  if (!(rows.shape() == shape)) rows.resize(shape);
  const std::int64_t row = table.extent(0) == 0 ? 0 : table.numel() / table.extent(0);
  T* to = rows.data();
  for (const std::int64_t index : indices) to = std::copy_n(table.data() + index * row, row, to);
}

}  // namespace detail

/// Samples held in tensors: inputs [n, ...] and targets [n, ...].
template <Element Input, Element Target>
class TensorDataset {
 public:
  using Batch = lockstep::Batch<Input, Target>;

  /// Throws ShapeError when the two tensors do not have the same number of rows.
  TensorDataset(Tensor<Input> inputs, Tensor<Target> targets)
      : inputs_(std::move(inputs)), targets_(std::move(targets)) {
    if (inputs_.rank() == 0 || targets_.rank() == 0 || inputs_.extent(0) != targets_.extent(0)) {
      throw ShapeError(concat("TensorDataset: inputs and targets must have the same number of rows, got inputs ",
                              inputs_.shape(), " and targets ", targets_.shape()));
    }
  }

  std::int64_t size() const { return inputs_.extent(0); }
  const Tensor<Input>& inputs() const { return inputs_; }
  const Tensor<Target>& targets() const { return targets_; }

  void read(std::span<const std::int64_t> indices, Batch& batch) const {
    detail::gather_rows(inputs_, indices, batch.inputs);
    detail::gather_rows(targets_, indices, batch.targets);
  }

 private:
  Tensor<Input> inputs_;
  Tensor<Target> targets_;
};

static_assert(Dataset<TensorDataset<float, std::int32_t>>);

}  // namespace lockstep
