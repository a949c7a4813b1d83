// Sleeping until a word in memory changes, with a deadline; the word may lie in memory shared between processes.
#pragma once

#include <lockstep/core/deadline.hpp>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <ctime>

namespace lockstep {

/// Who can see a futex word: the threads of this process, or other processes too.
enum class FutexScope { process, shared };

/// Sleeps while `word` holds `expected`, at most until the deadline; wakes spuriously too, so call it in a loop.
/// Returns false when the deadline has passed.
inline bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, const Deadline& deadline,
                       FutexScope scope = FutexScope::process) {
  const auto left = deadline.left();
  if (left <= std::chrono::nanoseconds::zero()) return false;
  timespec timeout{};
  timeout.tv_sec = static_cast<std::time_t>(left.count() / 1'000'000'000);
  timeout.tv_nsec = static_cast<long>(left.count() % 1'000'000'000);
  const int operation = scope == FutexScope::process ? FUTEX_WAIT_PRIVATE : FUTEX_WAIT;
  const long result = ::syscall(SYS_futex, &word, operation, expected, &timeout, nullptr, 0);
  return !(result == -1 && errno == ETIMEDOUT);
}

/// Wakes up to `count` sleepers on `word`.
inline void futex_wake(const std::atomic<std::uint32_t>& word, int count, FutexScope scope = FutexScope::process) {
  const int operation = scope == FutexScope::process ? FUTEX_WAKE_PRIVATE : FUTEX_WAKE;
  ::syscall(SYS_futex, &word, operation, count, nullptr, nullptr, 0);
}

}  // namespace lockstep
