// A point in monotonic time after which a wait gives up. Every wait in the library has one.
#pragma once

#include <lockstep/core/chrono.hpp>

namespace lockstep {

/// A moment on the monotonic clock.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  /// `duration` from now; one too long for the clock is never over.
  static Deadline after(std::chrono::nanoseconds duration) {
    const Clock::time_point now = Clock::now();
    return Deadline(duration > Clock::time_point::max() - now ? Clock::time_point::max() : now + duration);
  }

  bool passed() const { return Clock::now() >= moment_; }

  /// The time left, never negative.
  std::chrono::nanoseconds left() const {
    const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(moment_ - Clock::now());
    return rest > std::chrono::nanoseconds::zero() ? rest : std::chrono::nanoseconds::zero();
  }

  /// The earlier of this deadline and `duration` from now.
  Deadline at_most(std::chrono::nanoseconds duration) const {
    const Deadline other = after(duration);
    return other.moment_ < moment_ ? other : *this;
  }

 private:
  explicit Deadline(Clock::time_point moment) : moment_(moment) {}

  Clock::time_point moment_;
};

}  // namespace lockstep
