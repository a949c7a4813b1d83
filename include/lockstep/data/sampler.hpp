// The order in which an epoch visits the samples: a pure function of (seed, epoch, position), so every rank knows it
// without communication and a run resumes anywhere in O(1).
#pragma once

#include <lockstep/data/permutation.hpp>

#include <cstdint>

namespace lockstep {

/// Visits the samples of a data set in order, or in a new random order in every epoch.
class Sampler {
 public:
  constexpr Sampler() = default;
  constexpr Sampler(std::int64_t size, bool shuffle, std::uint64_t seed)
      : size_(size), seed_(seed), shuffle_(shuffle), permutation_(size, seed, 0) {}

  /// Chooses the epoch that `operator[]` speaks of; epoch 0 is the first.
  constexpr void set_epoch(std::int64_t epoch) {
    if (shuffle_ && epoch != epoch_) permutation_ = Permutation(size_, seed_, static_cast<std::uint64_t>(epoch));
    epoch_ = epoch;
  }

  constexpr std::int64_t size() const { return size_; }

  /// The index of the sample at a position; positions at and beyond the end start over.
  constexpr std::int64_t operator[](std::int64_t position) const {
    const std::int64_t inside = position < size_ ? position : position % size_;
    return shuffle_ ? permutation_[inside] : inside;
  }

 private:
  std::int64_t size_ = 1;
  std::uint64_t seed_ = 0;
  std::int64_t epoch_ = 0;
  bool shuffle_ = false;
  Permutation permutation_;
};

}  // namespace lockstep
