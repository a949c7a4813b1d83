// Fills the batch that belongs to a position: the one place where order, shard and data set meet.
#pragma once

#include <lockstep/data/collate.hpp>
#include <lockstep/data/sampler.hpp>
#include <lockstep/data/shard.hpp>

#include <cstdint>

namespace lockstep {

/// A loader's place in training: the next batch that it will hand out.
struct DataLoaderPosition {
  std::int64_t epoch = 0;
  std::int64_t step = 0;

  friend constexpr bool operator==(const DataLoaderPosition&, const DataLoaderPosition&) = default;
};

/// The position after one more batch; the end of an epoch is the start of the next one.
constexpr DataLoaderPosition next_position(const DataLoaderPosition& position, std::int64_t steps_per_epoch) {
  if (position.step + 1 >= steps_per_epoch) return {position.epoch + 1, 0};
  return {position.epoch, position.step + 1};
}

/// Reads the batch of any position of one rank's shard.
class BatchReader {
 public:
  constexpr BatchReader(const DataShard& shard, const Sampler& sampler) : shard_(shard), sampler_(sampler) {}

  constexpr const DataShard& shard() const { return shard_; }

  /// Fills all of `batch`, reusing its memory; rethrows what the data set throws.
  template <Dataset D>
  void read(const D& dataset, const DataLoaderPosition& position, BatchOf<D>& batch) {
    sampler_.set_epoch(position.epoch);
    batch.epoch = position.epoch;
    batch.step = position.step;
    batch.size = shard_.size(position.step);
    batch.valid = shard_.valid(position.step);
    batch.last = position.step + 1 == shard_.steps();
    batch.indices.resize(static_cast<std::size_t>(batch.size));
    for (std::int64_t place = 0; place < batch.size; ++place) {
      batch.indices[static_cast<std::size_t>(place)] = sampler_[shard_.position(position.step, place)];
    }
    read_batch(dataset, batch.indices, batch);
  }

 private:
  DataShard shard_;
  Sampler sampler_;
};

}  // namespace lockstep
