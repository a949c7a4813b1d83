// Sleeping without missing a peer's news: each rank has a futex of its own, and whoever publishes something rings the
// bells of those who sleep. All flags are sequentially consistent: either the publisher sees the sleeper, or the
// sleeper sees what was published.
#pragma once

#include <lockstep/comm/host/control_page.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/futex.hpp>

#include <atomic>
#include <cstdint>

namespace lockstep::detail {

/// Wakes a peer if it sleeps.
inline void ring_bell(const ControlPage& page, int peer, FutexScope scope) {
  auto& bell = page.rank(peer).bell;
  if (bell.sleeping.load(std::memory_order_seq_cst) == 0) return;
  bell.count.fetch_add(1, std::memory_order_seq_cst);
  futex_wake(bell.count, 1, scope);
}

/// Wakes every peer that sleeps.
inline void ring_bells(const ControlPage& page, int own_rank, FutexScope scope) {
  if (page.group().sleepers.load(std::memory_order_seq_cst) == 0) return;
  for (int peer = 0; peer < page.size(); ++peer) {
    if (peer != own_rank) ring_bell(page, peer, scope);
  }
}

/// While it lives, peers ring this rank's bell. Look for news once more before `wait`.
class Sleeper {
 public:
  Sleeper(const ControlPage& page, int rank)
      : bell_(page.rank(rank).bell), sleepers_(page.group().sleepers), count_(bell_.count.load()) {
    bell_.sleeping.store(1, std::memory_order_seq_cst);
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  ~Sleeper() {
    sleepers_.fetch_sub(1, std::memory_order_relaxed);
    bell_.sleeping.store(0, std::memory_order_relaxed);
  }

  void wait(const Deadline& deadline, FutexScope scope) { futex_wait(bell_.count, count_, deadline, scope); }

 private:
  decltype(RankControl::bell)& bell_;
  std::atomic<std::uint32_t>& sleepers_;
  std::uint32_t count_;
};

inline void pause_briefly() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace lockstep::detail
