// Heap memory on 64-byte boundaries: a cache line, and the widest vector register.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace lockstep {

/// The boundary on which every buffer of the library starts, in bytes.
inline constexpr std::size_t memory_alignment = 64;

/// `bytes` rounded up to a multiple of the alignment.
constexpr std::size_t align_up(std::size_t bytes) {
  return (bytes + memory_alignment - 1) / memory_alignment * memory_alignment;
}

/// Owns zero-filled heap memory on a 64-byte boundary; move-only. Throws std::bad_alloc.
class AlignedMemory {
 public:
  AlignedMemory() = default;
  explicit AlignedMemory(std::size_t bytes) : size_(bytes) {
    if (bytes == 0) return;
    if (align_up(bytes) < bytes) throw std::bad_alloc();  // larger than can be counted
    data_ = static_cast<std::byte*>(std::aligned_alloc(memory_alignment, align_up(bytes)));
    if (data_ == nullptr) throw std::bad_alloc();
    std::memset(data_, 0, align_up(bytes));
  }
  AlignedMemory(AlignedMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedMemory& operator=(AlignedMemory&& other) noexcept {
    if (this != &other) {
      std::free(data_);
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  ~AlignedMemory() { std::free(data_); }

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace lockstep
