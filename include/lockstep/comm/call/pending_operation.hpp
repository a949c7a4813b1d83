// The result of an asynchronous collective: a number in an engine that it keeps alive.
#pragma once

#include <lockstep/core/error.hpp>
#include <lockstep/core/shared.hpp>

#include <cstdint>
#include <utility>

namespace lockstep::detail {

template <class Engine>
class [[nodiscard]] PendingOperation {
 public:
  PendingOperation() = default;
  PendingOperation(Shared<Engine> engine, std::uint64_t number) : engine_(std::move(engine)), number_(number) {}
  PendingOperation(PendingOperation&& other) noexcept = default;
  PendingOperation& operator=(PendingOperation&& other) noexcept {
    if (this != &other) {
      finish_quietly();
      engine_ = std::move(other.engine_);
      number_ = other.number_;
    }
    return *this;
  }
  ~PendingOperation() { finish_quietly(); }

  /// Returns when the buffer holds the result; throws CommunicationError. Does nothing the second time.
  void wait() {
    if (engine_ == nullptr) return;
    const Shared<Engine> engine = std::move(engine_);
    engine->finish(number_);
  }

  /// Advances the work without blocking; true when the buffer holds the result.
  bool test() {
    if (engine_ == nullptr) return true;
    if (!engine_->finished(number_)) return false;
    engine_ = nullptr;
    return true;
  }

 private:
  // A destructor must not throw; the communicator repeats the error at its next call.
  void finish_quietly() noexcept {
    try {
      wait();
    } catch (const Error&) {}
  }

  Shared<Engine> engine_;
  std::uint64_t number_ = 0;
};

}  // namespace lockstep::detail
