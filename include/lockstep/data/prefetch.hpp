// Reads batches ahead on a thread of its own: a ring of reused batches between one producer and one consumer.
#pragma once

#include <lockstep/core/chrono.hpp>
#include <lockstep/core/futex.hpp>
#include <lockstep/core/thread.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <utility>
#include <vector>

namespace lockstep {

/// A bounded ring of `Batch` objects that a background thread fills in order. After the ring has gone round once it
/// allocates nothing itself. Used from one thread, which may change between calls that are ordered.
template <class Batch>
class Prefetcher {
 public:
  Prefetcher() = default;
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;
  ~Prefetcher() { stop(); }

  bool running() const { return thread_.joinable(); }

  /// Starts to call `read(batch)` for one batch after another, at most `ahead` beyond the one the consumer holds.
  template <class Read>
  void start(std::int64_t ahead, Read read) {
    stop();
    if (slots_.size() != static_cast<std::size_t>(ahead) + 1)
      slots_ = std::vector<Batch>(static_cast<std::size_t>(ahead) + 1);
    error_ = nullptr;
    taken_ = 0;
    next_slot_ = 0;
    filled_.store(0, std::memory_order_relaxed);
    released_.store(0, std::memory_order_relaxed);
    thread_ = Thread([this, read = std::move(read)]() mutable { produce(read); });
  }

  /// The next batch, valid until the next call, or null when it is not there by the deadline. Rethrows what `read`
  /// threw once the batches before it have been handed out.
  Batch* next(const Deadline& deadline) {
    release(taken_);
    std::uint32_t filled = filled_.load(std::memory_order_acquire);
    while (filled >> 1 == (taken_ & count_mask)) {
      if ((filled & flag) != 0) {
        thread_.join();
        std::rethrow_exception(std::exchange(error_, nullptr));
      }
      if (!futex_wait(filled_, filled, deadline) && filled_.load(std::memory_order_acquire) == filled) return nullptr;
      filled = filled_.load(std::memory_order_acquire);
    }
    Batch& batch = slots_[next_slot_];
    next_slot_ = next_slot_ + 1 == slots_.size() ? 0 : next_slot_ + 1;
    ++taken_;
    return &batch;
  }

  /// Ends the thread, waiting for at most the one read that it is in; batches read ahead are dropped.
  void stop() noexcept {
    if (!running()) return;
    released_.fetch_or(flag, std::memory_order_release);
    futex_wake(released_, 1);
    thread_.join();
  }

 private:
  // Both words hold a count in the upper 31 bits. The lowest bit says "reading failed" and "stop": whoever sleeps on a
  // word hears everything there is to hear.
  static constexpr std::uint32_t flag = 1;
  static constexpr std::uint32_t count_mask = 0x7FFF'FFFF;

  void release(std::uint32_t count) {
    released_.store(count << 1, std::memory_order_release);
    futex_wake(released_, 1);
  }

  template <class Read>
  void produce(Read& read) noexcept {
    std::uint32_t count = 0;
    for (std::size_t slot = 0;; slot = slot + 1 == slots_.size() ? 0 : slot + 1) {
      std::uint32_t released = released_.load(std::memory_order_acquire);
      while ((released & flag) == 0 && ((count - (released >> 1)) & count_mask) == slots_.size()) {
        futex_wait(released_, released, Deadline::after(std::chrono::seconds(1)));
        released = released_.load(std::memory_order_acquire);
      }
      if ((released & flag) != 0) return;
      try {
        read(slots_[slot]);
        filled_.store(++count << 1, std::memory_order_release);
      } catch (...) {
        error_ = std::current_exception();
        filled_.store((count << 1) | flag, std::memory_order_release);
      }
      futex_wake(filled_, 1);
      if (error_ != nullptr) return;
    }
  }

  std::vector<Batch> slots_;
  std::exception_ptr error_;  // written before the flag of `filled_`, read after it
  std::uint32_t taken_ = 0;   // batches that the consumer has had
  std::size_t next_slot_ = 0;
  alignas(64) std::atomic<std::uint32_t> filled_{0};
  alignas(64) std::atomic<std::uint32_t> released_{0};
  Thread thread_;
};

}  // namespace lockstep
