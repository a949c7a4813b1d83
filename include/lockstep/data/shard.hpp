// Which samples of an epoch's order each rank reads, as a closed form of (step, rank, place): any position is reached
// in O(1), every rank has the same number of steps, and nothing has to be agreed upon by communication.
#pragma once

#include <lockstep/core/error.hpp>

#include <cstdint>
#include <limits>

namespace lockstep {

/// Deals the `dataset_size` samples of an epoch's order to ranks in global batches of `total_batch_size()`; rank r
/// takes the r-th slice of each. Every function is pure; `validate` says whether the numbers go together.
struct DataShard {
  std::int64_t dataset_size = 0;
  std::int64_t batch_size = 1;  ///< samples per rank and step, or per step of all ranks when `split_batches`
  int rank = 0;
  int world_size = 1;
  bool split_batches = false;  ///< `batch_size` counts the samples of all ranks together
  bool drop_last = false;      ///< leave out the samples that do not fill a global batch
  bool even_batches = true;    ///< complete the last batches with samples from the start of the order

  friend constexpr bool operator==(const DataShard&, const DataShard&) = default;

  /// Samples that all ranks together read in one step.
  constexpr std::int64_t total_batch_size() const { return split_batches ? batch_size : batch_size * world_size; }

  /// Samples that one rank reads in one full step.
  constexpr std::int64_t rank_batch_size() const { return total_batch_size() / world_size; }

  /// Samples of the last global batch when it is not full: 0 when it is, -1 when `drop_last` leaves it out.
  constexpr std::int64_t remainder() const { return drop_last ? -1 : dataset_size % total_batch_size(); }

  /// Steps of an epoch on the rank that has the most of them.
  constexpr std::int64_t max_steps() const { return dataset_size / total_batch_size() + (remainder() > 0 ? 1 : 0); }

  /// Steps of an epoch on this rank; ranks differ (by one) only without `even_batches`.
  constexpr std::int64_t steps() const {
    const std::int64_t most = max_steps();
    return most > 0 && size(most - 1) == 0 ? most - 1 : most;
  }

  /// Place in the epoch's order of the sample at `place` of this rank's batch; from `dataset_size` on it is padding,
  /// which repeats the order from its start.
  constexpr std::int64_t position(std::int64_t step, std::int64_t place) const {
    return step * total_batch_size() + rank * rank_batch_size() + place;
  }

  /// Leading samples of this rank's batch that are not padding.
  constexpr std::int64_t valid(std::int64_t step) const {
    const std::int64_t left = dataset_size - position(step, 0);
    return left < 0 ? 0 : left < rank_batch_size() ? left : rank_batch_size();
  }

  /// Samples in this rank's batch, padding included.
  constexpr std::int64_t size(std::int64_t step) const { return even_batches ? rank_batch_size() : valid(step); }
};

/// Throws ArgumentError when the numbers of a shard do not go together.
constexpr void validate(const DataShard& shard) {
  if (shard.batch_size < 1) {
    throw ArgumentError(concat("DataLoader: batch_size must be at least 1, got ", shard.batch_size));
  }
  if (shard.world_size < 1 || shard.rank < 0 || shard.rank >= shard.world_size) {
    throw ArgumentError(
        concat("DataLoader: rank must lie in [0, world_size), got rank ", shard.rank, " of ", shard.world_size));
  }
  if (shard.split_batches && shard.batch_size % shard.world_size != 0) {
    const std::int64_t below = shard.batch_size / shard.world_size * shard.world_size;
    throw ArgumentError(concat("DataLoader: with split_batches a batch of ", shard.batch_size,
                               " samples cannot be split evenly among ", shard.world_size,
                               " ranks; choose a multiple, for example ", below + shard.world_size,
                               ", or turn split_batches off"));
  }
  if (shard.batch_size > std::numeric_limits<std::int64_t>::max() / 2 / shard.world_size) {
    throw ArgumentError(concat("DataLoader: batch_size ", shard.batch_size, " is too large"));
  }
  if (shard.dataset_size < 1) {
    throw ArgumentError("DataLoader: the data set is empty; there is nothing to iterate over");
  }
  if (shard.max_steps() == 0) {
    throw ArgumentError(concat("DataLoader: drop_last leaves no batch: the data set has ", shard.dataset_size,
                               " samples and one step of ", shard.world_size, " rank(s) takes ",
                               shard.total_batch_size(), "; choose a smaller batch_size or turn drop_last off"));
  }
}

}  // namespace lockstep
