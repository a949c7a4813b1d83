// What the engine needs from those who share memory: all that differs between threads and processes.
#pragma once

#include <lockstep/comm/host/control_page.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/futex.hpp>

#include <concepts>
#include <cstddef>

namespace lockstep::detail {

/// How a rank's memory is reached, and how a dead peer is found.
template <class T>
concept HostTransport = requires(T transport, const std::byte* address, std::size_t bytes, int rank, Location location,
                                 const ControlPage& page) {
  { T::name } -> std::convertible_to<const char*>;
  { T::scope } -> std::convertible_to<FutexScope>;
  { transport.locate(address, bytes) } -> std::same_as<Location>;
  { transport.reach(rank, location, bytes) } -> std::same_as<std::byte*>;  // null: this rank cannot reach it
  { transport.reserve(bytes, bytes) } -> std::same_as<int>;  // takes pages of the control memory; 0 or an errno value
  { transport.is_owner() } -> std::same_as<bool>;            // false in a copy of the process made by fork
  { transport.is_dead(rank) } -> std::same_as<bool>;   // its process has ended, as far as can be known
  { transport.find_dead(page) } -> std::same_as<int>;        // a rank whose process ended without leaving, or -1
};

struct WaitOptions {
  std::chrono::nanoseconds deadline;
  std::chrono::nanoseconds spin;
};

}  // namespace lockstep::detail
