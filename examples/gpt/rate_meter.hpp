// Tokens a second while training, evaluation and checkpoints not counted.
#pragma once

#include <chrono>
#include <cstdint>

namespace gpt {

class RateMeter {
 public:
  void start_step() { start_ = Clock::now(); }

  void end_step(std::int64_t tokens) {
    tokens_ += tokens;
    time_ += Clock::now() - start_;
  }

  /// The mean rate since the last call.
  double take() {
    const double rate = static_cast<double>(tokens_) / std::chrono::duration<double>(time_).count();
    tokens_ = 0;
    time_ = {};
    return rate;
  }

 private:
  using Clock = std::chrono::steady_clock;

  Clock::time_point start_;
  Clock::duration time_{};
  std::int64_t tokens_ = 0;
};

}  // namespace gpt
