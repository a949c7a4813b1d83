// A lock of one word, for state that two threads share for microseconds at a time. std::mutex costs 0.2 s per include.
#pragma once

#include <lockstep/core/deadline.hpp>
#include <lockstep/core/futex.hpp>

#include <atomic>
#include <cstdint>

namespace lockstep::detail {

class FutexLock {
 public:
  FutexLock() = default;
  FutexLock(const FutexLock&) = delete;
  FutexLock& operator=(const FutexLock&) = delete;

  void lock() {
    std::uint32_t seen = free;
    if (state_.compare_exchange_strong(seen, held, std::memory_order_acquire)) return;
    // From here on the holder must wake someone. A nap ends by itself, but the lock is tried until it is had: whoever
    // holds it does a bounded piece of work and waits for nobody.
    while (state_.exchange(contended, std::memory_order_acquire) != free) {
      futex_wait(state_, contended, Deadline::after(std::chrono::milliseconds(100)));
    }
  }

  bool try_lock() {
    std::uint32_t seen = free;
    return state_.compare_exchange_strong(seen, held, std::memory_order_acquire);
  }

  void unlock() {
    if (state_.exchange(free, std::memory_order_release) == contended) futex_wake(state_, 1);
  }

 private:
  static constexpr std::uint32_t free = 0, held = 1, contended = 2;
  std::atomic<std::uint32_t> state_{free};
};

/// Holds a lock while it lives.
class LockGuard {
 public:
  explicit LockGuard(FutexLock& lock) : lock_(&lock) { lock.lock(); }
  LockGuard(const LockGuard&) = delete;
  LockGuard& operator=(const LockGuard&) = delete;
  ~LockGuard() { lock_->unlock(); }

 private:
  FutexLock* lock_;
};

/// Releases a lock while it lives.
class UnlockGuard {
 public:
  explicit UnlockGuard(FutexLock& lock) : lock_(&lock) { lock.unlock(); }
  UnlockGuard(const UnlockGuard&) = delete;
  UnlockGuard& operator=(const UnlockGuard&) = delete;
  ~UnlockGuard() { lock_->lock(); }

 private:
  FutexLock* lock_;
};

}  // namespace lockstep::detail
