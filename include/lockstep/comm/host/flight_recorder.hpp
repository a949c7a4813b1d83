// The last calls of a rank, in the control memory: written by the rank alone, without waiting for anyone, and readable
// by its peers while it lives and after.
#pragma once

#include <lockstep/core/chrono.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace lockstep::detail {

/// A counter that runs evenly and alike on all processors of a host; reading it is cheaper than reading a clock.
inline std::uint64_t read_ticks() {
#if defined(__x86_64__) || defined(__i386__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  std::uint64_t ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

/// A moment on the counter and on the monotonic clock.
struct TickMoment {
  std::uint64_t ticks = 0;
  std::int64_t nanoseconds = 0;

  static TickMoment now() {
    return {read_ticks(), std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count()};
  }
};

inline constexpr std::uint64_t flight_entries = 1024;

/// The record of one rank.
struct FlightLog {
  struct Entry {
    std::atomic<std::uint64_t> fingerprint{0};
    std::atomic<std::uint64_t> number{0};
    std::atomic<std::uint64_t> start{0};   ///< Ticks.
    std::atomic<std::uint64_t> finish{0};  ///< Ticks; 0 while the call is under way.
  };
  static_assert(sizeof(Entry) == 32);

  alignas(64) std::atomic<std::uint64_t> count{0};  ///< Entries written, ever.
  alignas(64) Entry entries[flight_entries];
};

/// The hand that writes a rank's record. Two stores follow a call's start and one its end; the counter is read while
/// the rank waits for its peers anyway.
class FlightRecorder {
 public:
  explicit FlightRecorder(FlightLog& log) : log_(log) {}

  /// Notes the start of a call; returns where.
  std::uint64_t begin(std::uint64_t fingerprint, std::uint64_t number) {
    look_at_clock();
    FlightLog::Entry& entry = log_.entries[count_ % flight_entries];
    entry.fingerprint.store(fingerprint, std::memory_order_relaxed);
    entry.number.store(number, std::memory_order_relaxed);
    entry.start.store(now_, std::memory_order_relaxed);
    entry.finish.store(0, std::memory_order_relaxed);
    log_.count.store(++count_, std::memory_order_release);
    return count_ - 1;
  }

  /// Notes the end, at the last look at the clock.
  void finish(std::uint64_t place) {
    if (count_ - place <= flight_entries) {
      log_.entries[place % flight_entries].finish.store(now_, std::memory_order_relaxed);
    }
  }

  void look_at_clock() { now_ = read_ticks(); }

 private:
  FlightLog& log_;
  std::uint64_t count_ = 0;
  std::uint64_t now_ = 0;
};

}  // namespace lockstep::detail
