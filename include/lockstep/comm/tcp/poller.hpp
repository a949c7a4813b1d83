// epoll: sleeping until a socket has news, and being woken by the other thread.
#pragma once

#include <lockstep/core/chrono.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/file.hpp>
#include <lockstep/core/on_demand.hpp>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace lockstep::detail {

/// A set of descriptors, each with a number that its news come with.
class Poller {
 public:
  using Events = std::array<epoll_event, 64>;
  static constexpr std::uint64_t alarm = ~std::uint64_t{0};  ///< The number of the poller's own bell.

  LOCKSTEP_ON_DEMAND static Poller make() {
    Poller result;
    result.set_ = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
    result.bell_ = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!result.set_ || !result.bell_) {
      throw EnvironmentError(
          concat("tcp: cannot make an epoll descriptor: ", std::strerror(errno),
                 errno == EMFILE || errno == ENFILE ? "; raise the limit of open files (ulimit -n)" : ""));
    }
    result.add(result.bell_.get(), EPOLLIN, alarm);
    return result;
  }

  int descriptor() const { return set_.get(); }

  LOCKSTEP_ON_DEMAND void add(int descriptor, std::uint32_t events, std::uint64_t number) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = number;
    if (::epoll_ctl(set_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) {
      throw EnvironmentError(concat("tcp: cannot watch a socket: ", std::strerror(errno)));
    }
  }
  void change(int descriptor, std::uint32_t events, std::uint64_t number) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = number;
    ::epoll_ctl(set_.get(), EPOLL_CTL_MOD, descriptor, &event);
  }
  void remove(int descriptor) { ::epoll_ctl(set_.get(), EPOLL_CTL_DEL, descriptor, nullptr); }

  /// Sleeps until there is news, at most `patience`; without news the result is empty.
  std::span<const epoll_event> wait(Events& events, std::chrono::nanoseconds patience) const {
    const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(patience).count();
    const int timeout = static_cast<int>(std::clamp<long long>(rounded, 0, 60'000));
    const int count = ::epoll_wait(set_.get(), events.data(), static_cast<int>(events.size()), timeout);
    return {events.data(), static_cast<std::size_t>(std::max(count, 0))};
  }

  /// Wakes whoever sleeps in `wait`, and whoever comes next, until `silence`.
  void ring() const {
    const std::uint64_t one = 1;
    const auto ignored = ::write(bell_.get(), &one, sizeof one);
    static_cast<void>(ignored);  // it fails only where the bell is ringing already
  }
  void silence() const {
    std::uint64_t count;
    const auto ignored = ::read(bell_.get(), &count, sizeof count);
    static_cast<void>(ignored);
  }

 private:
  FileDescriptor set_, bell_;
};

}  // namespace lockstep::detail
