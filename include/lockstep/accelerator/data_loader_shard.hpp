// A rank's part of a data loader: what prepare() returns for a loader.
#pragma once

#include <lockstep/accelerator/gradient_state.hpp>
#include <lockstep/accelerator/state_registry.hpp>
#include <lockstep/core/shared.hpp>
#include <lockstep/data/data_loader.hpp>

#include <cstdint>
#include <iterator>
#include <string>
#include <utility>

namespace lockstep {

/// Hands out this rank's batches; one range-for is one epoch. Its position is kept in checkpoints. While a loop runs,
/// the accelerator knows whether the current batch is the epoch's last. Move-only; its accelerator must outlive it.
template <class LoaderType>
class DataLoaderShard {
 public:
  using Batch = typename LoaderType::Batch;

  /// A loop over the rest of an epoch; stays where it was made, as range-for does.
  class Iterator {
   public:
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;

    Iterator(DataLoaderShard& shard, GradientState& state)
        : shard_(&shard), state_(&state), frame_{state.loader, false}, inner_(shard.loader_.begin()) {
      state_->loader = &frame_;
      arrived();
    }
    Iterator(const Iterator&) = delete;
    Iterator& operator=(const Iterator&) = delete;
    ~Iterator() {
      if (state_->loader == &frame_) state_->loader = frame_.outer;
    }

    Batch& operator*() const { return *inner_; }
    Batch* operator->() const { return &*inner_; }
    Iterator& operator++() {
      ++inner_;
      arrived();
      return *this;
    }
    friend bool operator==(const Iterator& iterator, std::default_sentinel_t end) { return iterator.inner_ == end; }

   private:
    void arrived() {
      frame_.last_batch = !(inner_ == std::default_sentinel) && inner_->last;
      shard_->place_->position = shard_->loader_.position();
    }

    DataLoaderShard* shard_;
    GradientState* state_;
    LoaderFrame frame_;
    typename LoaderType::Iterator inner_;
  };

  DataLoaderShard(LoaderType loader, std::string name, GradientState& state, StateRegistry& states)
      : loader_(std::move(loader)),
        name_(std::move(name)),
        state_(&state),
        place_(Shared<Place>::make(loader_.position(), loader_.total_batch_size(), loader_.shard().dataset_size)),
        registration_(states.add({name_,
                                  {},
                                  {state_entry(name_ + ".epoch", place_->position.epoch),
                                   state_entry(name_ + ".step", place_->position.step)},
                                  {state_entry(name_ + ".total_batch_size", place_->total_batch_size),
                                   state_entry(name_ + ".samples", place_->samples)}})) {}

  /// Goes on at the position, which a checkpoint may have set.
  Iterator begin() {
    loader_.seek(place_->position);
    return Iterator(*this, *state_);
  }
  std::default_sentinel_t end() const { return {}; }

  /// The next batch to be handed out.
  DataLoaderPosition position() const { return place_->position; }
  void seek(std::int64_t epoch, std::int64_t step) {
    loader_.seek(epoch, step);
    place_->position = loader_.position();
  }

  /// Steps of an epoch on this rank.
  std::int64_t steps_per_epoch() const { return loader_.steps_per_epoch(); }

  /// Samples that all ranks together read in one step.
  std::int64_t total_batch_size() const { return loader_.total_batch_size(); }

  const std::string& name() const { return name_; }
  const LoaderType& loader() const { return loader_; }

 private:
  /// What a checkpoint keeps: the position, and what gives it its meaning.
  struct Place {
    DataLoaderPosition position;
    std::int64_t total_batch_size;
    std::int64_t samples;
  };

  LoaderType loader_;
  std::string name_;
  GradientState* state_;
  Shared<Place> place_;  // at one address
  Shared<StateGroup> registration_;
};

}  // namespace lockstep
