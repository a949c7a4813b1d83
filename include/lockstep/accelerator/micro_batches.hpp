// Cuts a rank's batch into its micro-batches, so that the global batch consists of the same pieces for any number of
// ranks.
#pragma once

#include <lockstep/accelerator/gradient_state.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/tensor/tensor.hpp>

#include <cstdint>
#include <iterator>
#include <utility>

namespace lockstep {

/// Rows [first, first + size) of a batch.
template <class BatchType>
struct MicroBatch {
  using Inputs = decltype(std::declval<BatchType&>().inputs.view());
  using Targets = decltype(std::declval<BatchType&>().targets.view());

  Inputs inputs;
  Targets targets;
  std::int64_t size;
  std::int64_t valid;  // leading samples that are no padding
};

/// A range of micro-batches for one range-for; tells the accelerator which of them is the last.
template <class BatchType>
class MicroBatches {
 public:
  class Iterator {
   public:
    using value_type = MicroBatch<BatchType>;
    using difference_type = std::ptrdiff_t;

    Iterator(MicroBatches& range, std::int64_t index) : range_(&range), index_(index) {}
    value_type operator*() const { return range_->select(index_); }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.index_ == b.index_; }

   private:
    MicroBatches* range_;
    std::int64_t index_;
  };

  /// `count` pieces on each of `world_size` ranks. Throws ShapeError when the batch cannot be cut evenly.
  MicroBatches(BatchType& batch, std::int64_t count, int rank, GradientState& state)
      : batch_(&batch), count_(count), rank_(rank), state_(&state) {
    const std::int64_t rows = batch.inputs.extent(0);
    if (count < 1 || rows % count != 0) {
      throw ShapeError(
          concat("micro_batches: a batch of ", rows, " samples cannot be cut into ", count,
                 " equal micro-batches; choose a batch size that AcceleratorOptions::micro_batches divides "
                 "and drop_last = true"));
    }
  }

  MicroBatches(const MicroBatches&) = delete;
  MicroBatches& operator=(const MicroBatches&) = delete;

  /// Ends the window, also when the loop was left early: what was computed in it is then not part of any step.
  ~MicroBatches() {
    state_->tree = false;
    state_->sync_gradients = true;
    state_->swept = 0;
    state_->new_micro_batch = true;
  }

  Iterator begin() { return {*this, 0}; }
  Iterator end() { return {*this, count_}; }

 private:
  MicroBatch<BatchType> select(std::int64_t index) {
    const std::int64_t size = batch_->inputs.extent(0) / count_;
    state_->tree = true;
    state_->sync_gradients = index + 1 == count_;
    state_->micro_batch = rank_ * count_ + index;
    state_->new_micro_batch = true;
    const std::int64_t valid = batch_->valid - index * size;
    return {batch_->inputs.view().rows(index * size, (index + 1) * size),
            batch_->targets.view().rows(index * size, (index + 1) * size), size,
            valid < 0 ? 0 : (valid > size ? size : valid)};
  }

  BatchType* batch_;
  std::int64_t count_;
  int rank_;
  GradientState* state_;
};

}  // namespace lockstep
