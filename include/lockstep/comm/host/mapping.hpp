// Memory taken from the system page by page, when it is touched; it goes back on its own.
#pragma once

#include <lockstep/core/on_demand.hpp>

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <utility>

namespace lockstep::detail {

/// A mapping that unmaps itself.
class Mapping {
 public:
  Mapping() = default;
  Mapping(std::byte* base, std::size_t bytes) : base_(base), bytes_(bytes) {}
  Mapping(Mapping&& other) noexcept
      : base_(std::exchange(other.base_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    if (this != &other) {
      unmap();
      base_ = std::exchange(other.base_, nullptr);
      bytes_ = std::exchange(other.bytes_, 0);
    }
    return *this;
  }
  ~Mapping() { unmap(); }

  std::byte* data() const { return base_; }
  std::size_t size() const { return bytes_; }

 private:
  void unmap() {
    if (base_ != nullptr) ::munmap(base_, bytes_);
  }

  std::byte* base_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Zero-filled memory of this process. Throws std::bad_alloc.
LOCKSTEP_ON_DEMAND Mapping map_private(std::size_t bytes) {
  void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) throw std::bad_alloc();
  return Mapping(static_cast<std::byte*>(base), bytes);
}

}  // namespace lockstep::detail
