// Adds the gradients of micro-batches in a fixed binary tree, the way a binary counter carries, so that the sum has the
// same bits however the micro-batches are spread over ranks.
#pragma once

#include <lockstep/kernels/destination.hpp>
#include <lockstep/kernels/kernels.hpp>

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace lockstep {

/// Partial sums of gradients: level k holds the sum of 2^k micro-batches where bit k of the count is set. Memory: one
/// buffer as large as the gradients for each level in use, that is log2 of the micro-batches per rank.
template <class T, class DeviceType>
class GradientTree {
 public:
  /// Takes the gradients of a micro-batch that is not the last one; the buffer is free for the next one afterwards.
  void push(DeviceType& device, std::span<T> gradients) {
    const auto level = static_cast<std::size_t>(std::countr_one(count_));
    for (std::size_t i = 0; i < level; ++i) add(device, i, 0, gradients);
    while (levels_.size() <= level) levels_.push_back(device.allocate(gradients.size_bytes()));
    device.copy(levels_[level].data(), reinterpret_cast<const std::byte*>(gradients.data()), gradients.size_bytes());
    ++count_;
  }

  /// Adds what was pushed to a piece of the last micro-batch's gradients, which starts at `offset`.
  void fold(DeviceType& device, std::int64_t offset, std::span<T> piece) const {
    for (std::uint64_t left = count_; left != 0; left &= left - 1) {
      add(device, static_cast<std::size_t>(std::countr_zero(left)), offset, piece);
    }
  }

  /// Forgets everything that was pushed; keeps the memory.
  void clear() { count_ = 0; }

  std::uint64_t count() const { return count_; }

 private:
  void add(DeviceType& device, std::size_t level, std::int64_t offset, std::span<T> piece) const {
    const T* partial = reinterpret_cast<const T*>(levels_[level].data()) + offset;
    Kernels<DeviceType>::map(
        device, static_cast<std::int64_t>(piece.size()), Destination<T>{piece.data(), true}, [](T x) { return x; },
        partial);
  }

  std::vector<typename DeviceType::Memory> levels_;
  std::uint64_t count_ = 0;
};

}  // namespace lockstep
