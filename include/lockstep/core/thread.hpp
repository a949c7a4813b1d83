// A joining thread over pthreads. std::thread erases its callable's type behind a vtable and costs 0.3 s per include.
#pragma once

#include <lockstep/core/error.hpp>

#include <pthread.h>

#include <cstring>
#include <type_traits>
#include <utility>

namespace lockstep {

/// Runs a callable on a thread of its own; the destructor joins. The callable must not let exceptions out.
class Thread {
 public:
  Thread() = default;

  /// Throws EnvironmentError when the system has no thread left to give.
  template <class Callable>
  requires(!std::is_same_v<std::decay_t<Callable>, Thread>) explicit Thread(Callable&& callable) {
    using Stored = std::decay_t<Callable>;
    auto* stored = new Stored(std::forward<Callable>(callable));
    const int status = ::pthread_create(
        &handle_, nullptr,
        [](void* argument) -> void* {
          const Owner<Stored> owner{static_cast<Stored*>(argument)};
          (*owner.callable)();
          return nullptr;
        },
        stored);
    if (status != 0) {
      delete stored;
      throw EnvironmentError(concat("Thread: the system refused a thread: ", std::strerror(status)));
    }
    joinable_ = true;
  }

  Thread(Thread&& other) noexcept : handle_(other.handle_), joinable_(std::exchange(other.joinable_, false)) {}
  Thread& operator=(Thread&& other) noexcept {
    join();
    handle_ = other.handle_;
    joinable_ = std::exchange(other.joinable_, false);
    return *this;
  }
  ~Thread() { join(); }

  bool joinable() const { return joinable_; }

  /// Waits for the thread to end; the only wait without a deadline, because a thread cannot be left behind safely:
  /// whoever starts one gives it a way to be told to stop.
  void join() noexcept {
    if (joinable_) ::pthread_join(handle_, nullptr);
    joinable_ = false;
  }

 private:
  template <class Stored>
  struct Owner {
    Stored* callable;
    ~Owner() { delete callable; }
  };

  pthread_t handle_{};
  bool joinable_ = false;
};

}  // namespace lockstep
