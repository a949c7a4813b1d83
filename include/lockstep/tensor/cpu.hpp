// The host as a device: every call is done when it returns.
#pragma once

#include <lockstep/tensor/device.hpp>
#include <lockstep/tensor/memory.hpp>

#include <cstring>

namespace lockstep {

/// The processor this program runs on.
struct Cpu {
  using Memory = AlignedMemory;
  static constexpr const char* name = "cpu";
  static constexpr bool host_accessible = true;

  Memory allocate(std::size_t bytes) { return AlignedMemory(bytes); }
  void copy_from_host(std::byte* to, const std::byte* from, std::size_t bytes) { copy(to, from, bytes); }
  void copy_to_host(std::byte* to, const std::byte* from, std::size_t bytes) { copy(to, from, bytes); }
  void copy(std::byte* to, const std::byte* from, std::size_t bytes) {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void fill_zero(std::byte* to, std::size_t bytes) {
    if (bytes > 0) std::memset(to, 0, bytes);
  }
  void synchronize() {}
};

static_assert(Device<Cpu>);

}  // namespace lockstep
