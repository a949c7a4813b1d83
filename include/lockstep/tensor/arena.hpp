// Memory handed out in a row and taken back all at once. After one step it is a single block, so that every later
// step of the same shape finds the same addresses and asks the system for nothing.
#pragma once

#include <lockstep/tensor/device.hpp>
#include <lockstep/tensor/memory.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lockstep {

/// A stack of device memory. Everything given out since the last `rewind` stays valid until the next one.
template <Device DeviceType>
class Arena {
 public:
  explicit Arena(DeviceType& device, std::size_t first_block = 1 << 16) : device_(&device), next_block_(first_block) {}

  /// `bytes` of memory on a 64-byte boundary, not initialised.
  std::byte* allocate(std::size_t bytes) {
    const std::size_t needed = align_up(bytes);
    if (blocks_.empty() || blocks_.back().size() - used_ < needed) grow(needed);
    std::byte* result = blocks_.back().data() + used_;
    used_ += needed;
    return result;
  }

  /// Uninitialised memory for `count` objects of a trivial type.
  template <class T>
  T* allocate(std::int64_t count) {
    return reinterpret_cast<T*>(allocate(static_cast<std::size_t>(count) * sizeof(T)));
  }

  /// Takes everything back. Several blocks become one that is large enough for all of them.
  void rewind() {
    high_water_ = std::max(high_water_, in_use());
    if (blocks_.size() > 1) {
      blocks_.clear();
      retired_ = 0;
      blocks_.push_back(device_->allocate(high_water_ + high_water_ / 8));
    }
    used_ = 0;
  }

  /// Bytes given out since the last `rewind`.
  std::size_t in_use() const { return retired_ + used_; }

  /// Bytes held from the device.
  std::size_t capacity() const {
    std::size_t total = 0;
    for (const auto& block : blocks_) total += block.size();
    return total;
  }

 private:
  void grow(std::size_t needed) {
    blocks_.push_back(device_->allocate(std::max(needed, next_block_)));
    if (blocks_.size() > 1) retired_ += used_;
    used_ = 0;
    next_block_ = std::min<std::size_t>(next_block_ * 2, std::size_t{1} << 28);
  }

  DeviceType* device_;
  std::vector<typename DeviceType::Memory> blocks_;
  std::size_t used_ = 0;     // in the last block
  std::size_t retired_ = 0;  // in the blocks before it
  std::size_t high_water_ = 0;
  std::size_t next_block_;
};

}  // namespace lockstep
