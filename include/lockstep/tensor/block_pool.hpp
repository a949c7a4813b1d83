// Memory for values whose lifetimes do not nest, such as the gradients of activations: freed blocks wait in lists by
// size class and are given out again, the latest first, because it is the one still in the cache.
#pragma once

#include <lockstep/tensor/arena.hpp>

#include <array>
#include <bit>
#include <cstddef>

namespace lockstep {

/// Gives out blocks of device memory and takes them back one by one. Needs the block's size on return.
template <Device DeviceType>
class BlockPool {
 public:
  explicit BlockPool(DeviceType& device) : arena_(device) {}

  /// At least `bytes` of memory on a 64-byte boundary, not initialised.
  std::byte* allocate(std::size_t bytes) {
    auto& list = free_[class_of(bytes)];
    if (list.empty()) {
      list.reserve(++given_out_[class_of(bytes)]);  // so that `release` never allocates
      return arena_.allocate(size_of_class(class_of(bytes)));
    }
    std::byte* block = list.back();
    list.pop_back();
    return block;
  }

  /// Takes back a block that `allocate(bytes)` gave out.
  void release(std::byte* block, std::size_t bytes) { free_[class_of(bytes)].push_back(block); }

 private:
  // Four classes per power of two, so that at most a quarter of a block is waste.
  static std::size_t class_of(std::size_t bytes) {
    const std::size_t lines = std::max<std::size_t>(1, align_up(bytes) / memory_alignment);
    if (lines <= 4) return lines - 1;
    const auto exponent =
        static_cast<std::size_t>(std::bit_width(lines - 1)) - 3;  // lines - 1 = mantissa(3 bits) << exponent
    return 4 * exponent + ((lines - 1) >> exponent);
  }
  static std::size_t size_of_class(std::size_t index) {
    if (index < 4) return (index + 1) * memory_alignment;
    const std::size_t exponent = (index - 4) / 4;
    const std::size_t mantissa = index - 4 * exponent;
    return ((mantissa + 1) << exponent) * memory_alignment;
  }

  Arena<DeviceType> arena_;
  std::array<std::vector<std::byte*>, 4 * 64> free_;
  std::array<std::size_t, 4 * 64> given_out_{};
};

}  // namespace lockstep
