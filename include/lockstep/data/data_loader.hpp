// Iterates over a data set in batches. A loader's place in training is two integers, so it can be saved and sought.
#pragma once

#include <lockstep/core/chrono.hpp>
#include <lockstep/data/batch_reader.hpp>
#include <lockstep/data/prefetch.hpp>

#include <cstdint>
#include <iterator>
#include <utility>

namespace lockstep {

/// How a DataLoader iterates. With several ranks all of them must be given equal options.
struct DataLoaderOptions {
  std::int64_t batch_size = 1;  ///< samples per rank and step (see `split_batches`)
  bool shuffle = false;         ///< a new random order in every epoch
  bool drop_last = false;       ///< leave out the samples that do not fill a global batch
  std::uint64_t seed = 0;       ///< of the random order, which is a function of (seed, epoch)
  std::int64_t prefetch = 0;    ///< batches that a background thread reads ahead; 0 reads in the caller's thread
  bool split_batches = false;   ///< `batch_size` is that of all ranks together
  bool even_batches = true;     ///< complete the last batches, so that every rank has the same number of steps
  std::chrono::nanoseconds timeout = std::chrono::minutes(10);  ///< the longest wait for one batch that is read ahead
};

/// Hands out the batches of one epoch per range-for:
///
///     ls::DataLoader loader{dataset, {.batch_size = 64, .shuffle = true}};
///     for (auto& batch : loader) ...
///
/// A batch is valid until the next one. Leaving the loop early leaves the position behind the batch handed out last:
/// the next loop goes on from there. With an epoch's last batch the position becomes the start of the next epoch.
///
/// As with std::views::all, a data set that is an lvalue is referred to and must outlive the loader; an rvalue is moved
/// in. With `prefetch` it is read on another thread. A loader must not be moved while a loop runs over it.
template <class D>
requires Dataset<std::remove_cvref_t<D>>
class DataLoader {
 public:
  using DatasetType = std::remove_cvref_t<D>;
  using Batch = BatchOf<DatasetType>;

  /// Goes through one epoch; batches are read on `begin` and on each increment.
  class Iterator {
   public:
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    Batch& operator*() const { return *batch_; }
    Batch* operator->() const { return batch_; }
    Iterator& operator++() {
      *this = last_ ? Iterator() : Iterator(*loader_);
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& iterator, std::default_sentinel_t) { return iterator.batch_ == nullptr; }

   private:
    friend DataLoader;
    explicit Iterator(DataLoader& loader) : loader_(&loader), batch_(&loader.next()), last_(batch_->last) {}

    DataLoader* loader_ = nullptr;
    Batch* batch_ = nullptr;
    bool last_ = false;
  };

  /// Throws ArgumentError when the data set is empty or the options do not go together.
  explicit DataLoader(D&& dataset, const DataLoaderOptions& options = {})
      : DataLoader(std::forward<D>(dataset), options, 0, 1) {}

  /// Stops reading ahead in `other`; the new loader starts it again.
  DataLoader(DataLoader&& other) : DataLoader(other.release(), other.options_, other.rank(), other.world_size()) {
    position_ = other.position_;
  }

  /// A loader for one rank's part of every step, from the start of this one's epoch on.
  DataLoader sharded(int rank, int world_size) && {
    DataLoader result(release(), options_, rank, world_size);
    result.position_.epoch = position_.epoch;
    return result;
  }

  /// The same, over this loader's data set, which must outlive the result.
  DataLoader<const DatasetType&> sharded(int rank, int world_size) const& {
    DataLoader<const DatasetType&> result(dataset_, options_, rank, world_size);
    result.position_.epoch = position_.epoch;
    return result;
  }

  /// Hands out the batch at the position. Rethrows what the data set throws and then stays where it is; throws IoError
  /// when a batch that is read ahead does not arrive within `timeout`.
  Iterator begin() {
    if (steps_per_epoch() > 0) return Iterator(*this);
    ++position_.epoch;  // without even_batches a rank can have nothing to do
    return Iterator();
  }
  std::default_sentinel_t end() const { return {}; }

  /// The next batch to be handed out, which is what a checkpoint keeps; batches read ahead do not count.
  DataLoaderPosition position() const { return position_; }

  /// Goes to a step of an epoch in O(1); the end of an epoch is the start of the next one. Inside a loop it takes
  /// effect with the next batch. Throws ArgumentError when there is no such step.
  void seek(std::int64_t epoch, std::int64_t step) {
    if (epoch < 0 || step < 0 || step > steps_per_epoch()) {
      throw ArgumentError(concat("DataLoader::seek: there is no step ", step, " of epoch ", epoch, "; an epoch has ",
                                 steps_per_epoch(), " steps of ", total_batch_size(), " samples"));
    }
    const DataLoaderPosition target =
        step == 0 ? DataLoaderPosition{epoch, 0} : next_position({epoch, step - 1}, steps_per_epoch());
    if (target == position_) return;
    prefetcher_.stop();
    position_ = target;
  }
  void seek(const DataLoaderPosition& position) { seek(position.epoch, position.step); }

  /// Steps of an epoch on this rank.
  std::int64_t steps_per_epoch() const { return shard().steps(); }

  /// Samples that all ranks together read in one step.
  std::int64_t total_batch_size() const { return shard().total_batch_size(); }

  int rank() const { return shard().rank; }
  int world_size() const { return shard().world_size; }
  const DataShard& shard() const { return reader_.shard(); }
  const DataLoaderOptions& options() const { return options_; }
  const DatasetType& dataset() const { return dataset_; }

 private:
  template <class Other>
  requires Dataset<std::remove_cvref_t<Other>>
  friend class DataLoader;

  DataLoader(D&& dataset, const DataLoaderOptions& options, int rank, int world_size)
      : dataset_(std::forward<D>(dataset)),
        options_(options),
        reader_(checked_shard(dataset_, options, rank, world_size),
                Sampler(static_cast<std::int64_t>(dataset_.size()), options.shuffle, options.seed)) {}

  static DataShard checked_shard(const DatasetType& dataset, const DataLoaderOptions& options, int rank,
                                 int world_size) {
    if (options.prefetch < 0 || options.prefetch > max_prefetch) {
      throw ArgumentError(
          concat("DataLoader: prefetch must lie between 0 and ", max_prefetch, " batches, got ", options.prefetch));
    }
    const DataShard shard{static_cast<std::int64_t>(dataset.size()),
                          options.batch_size,
                          rank,
                          world_size,
                          options.split_batches,
                          options.drop_last,
                          options.even_batches};
    validate(shard);
    return shard;
  }

  /// The data set, for a new loader to hold; nothing reads from it any more.
  D&& release() {
    prefetcher_.stop();
    return std::forward<D>(dataset_);
  }

  Batch& next() {
    Batch* batch = &current_;
    if (options_.prefetch == 0) {
      reader_.read(dataset_, position_, current_);
    } else {
      if (!prefetcher_.running()) {
        prefetcher_.start(options_.prefetch, [reader = reader_, position = position_,
                                              &dataset = std::as_const(dataset_)](Batch& ahead) mutable {
          reader.read(dataset, position, ahead);
          position = next_position(position, reader.shard().steps());
        });
      }
      batch = prefetcher_.next(Deadline::after(options_.timeout));
      if (batch == nullptr) {
        throw IoError(concat("DataLoader: the batch of epoch ", position_.epoch, ", step ", position_.step,
                             " was not read within ", std::chrono::duration<double>(options_.timeout).count(),
                             " s; is the storage stuck? Otherwise raise DataLoaderOptions::timeout"));
      }
    }
    position_ = next_position(position_, steps_per_epoch());
    return *batch;
  }

  static constexpr std::int64_t max_prefetch = 1024;

  D dataset_;
  DataLoaderOptions options_;
  BatchReader reader_;
  DataLoaderPosition position_;
  Batch current_;
  Prefetcher<Batch> prefetcher_;  // last: its thread reads the data set and is joined first
};

template <class D>
requires Dataset<std::remove_cvref_t<D>> DataLoader(D&&, const DataLoaderOptions& = {})
->DataLoader<D>;

}  // namespace lockstep
