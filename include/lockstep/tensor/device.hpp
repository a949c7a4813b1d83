// The contract of a device: where tensors live and how memory there is had and copied.
#pragma once

#include <concepts>
#include <cstddef>

namespace lockstep {

/// Memory somewhere: movable, knows its address and size, frees itself.
template <class M>
concept MemoryOwner = std::movable<M> && requires(const M memory) {
  { memory.data() } -> std::convertible_to<std::byte*>;
  { memory.size() } -> std::convertible_to<std::size_t>;
};

/// A device is an object (it may hold a stream and pools) with:
///  - `Memory`: an owner of device memory on a 64-byte boundary, zero-filled by `allocate`;
///  - `copy_from_host`, `copy_to_host`, `copy`, `fill_zero`: ordered with the kernels launched on the same object;
///  - `synchronize`: returns when everything launched so far is done;
///  - `host_accessible`: whether the host may dereference device pointers.
template <class D>
concept Device = std::default_initializable<D> && MemoryOwner<typename D::Memory> &&
    requires(D device, std::byte* there, const std::byte* from, std::size_t bytes) {
  { D::host_accessible } -> std::convertible_to<bool>;
  { D::name } -> std::convertible_to<const char*>;
  { device.allocate(bytes) } -> std::same_as<typename D::Memory>;
  device.copy_from_host(there, from, bytes);
  device.copy_to_host(there, from, bytes);
  device.copy(there, from, bytes);
  device.fill_zero(there, bytes);
  device.synchronize();
};

}  // namespace lockstep
