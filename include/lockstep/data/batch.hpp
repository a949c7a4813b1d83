// What a loader hands out: the tensors of a batch and where in the epoch they come from.
#pragma once

#include <lockstep/tensor/tensor.hpp>

#include <concepts>
#include <cstdint>
#include <vector>

namespace lockstep {

/// Where a batch stands in training, filled in by the loader. Padding completes the last batch of an epoch so that all
/// ranks have the same shape; it stands behind the valid samples and carries no weight in metrics.
struct BatchInfo {
  std::vector<std::int64_t> indices;  ///< the samples' indices in the data set
  std::int64_t epoch = 0;
  std::int64_t step = 0;   ///< steps of this epoch before this batch
  std::int64_t size = 0;   ///< samples in the batch
  std::int64_t valid = 0;  ///< leading samples that are no padding
  bool last = false;       ///< the last batch of the epoch on this rank
};

/// Samples stacked along a new outermost dimension.
template <Element Input, Element Target>
struct Batch : BatchInfo {
  Tensor<Input> inputs;    ///< [size, ...]
  Tensor<Target> targets;  ///< [size, ...]
};

/// A type that a loader can fill again and again: deriving from BatchInfo is the short way to have the members.
template <class B>
concept ReusableBatch = std::default_initializable<B> && std::movable<B> && requires(B batch) {
  { batch.indices } -> std::same_as<std::vector<std::int64_t>&>;
  { batch.epoch } -> std::same_as<std::int64_t&>;
  { batch.step } -> std::same_as<std::int64_t&>;
  { batch.size } -> std::same_as<std::int64_t&>;
  { batch.valid } -> std::same_as<std::int64_t&>;
  { batch.last } -> std::same_as<bool&>;
};

static_assert(ReusableBatch<Batch<float, std::int32_t>>);

}  // namespace lockstep
