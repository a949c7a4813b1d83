// Sleepers wake when told, do not sleep on a changed word, and give up at their deadline.
#include <lockstep/core/futex.hpp>
#include <lockstep/core/thread.hpp>

#include <doctest/doctest.h>

using namespace lockstep;
using namespace std::chrono_literals;

TEST_CASE("a word that has changed already is not waited for") {
  const std::atomic<std::uint32_t> word{1};
  const Deadline deadline = Deadline::after(60s);
  CHECK(futex_wait(word, 0, deadline));
  CHECK(deadline.left() > 30s);
}

TEST_CASE("a deadline ends the wait") {
  const std::atomic<std::uint32_t> word{0};
  CHECK_FALSE(futex_wait(word, 0, Deadline::after(0ns)));
  const Deadline deadline = Deadline::after(20ms);
  while (futex_wait(word, 0, deadline)) {}
  CHECK(deadline.passed());
}

TEST_CASE("a wake ends the wait, within a process and shared") {
  for (FutexScope scope : {FutexScope::process, FutexScope::shared}) {
    std::atomic<std::uint32_t> word{0};
    std::atomic<bool> in_time{true};
    const Deadline deadline = Deadline::after(60s);
    {
      const Thread sleeper([&] {
        while (word.load() == 0 && in_time.load()) in_time = futex_wait(word, 0, deadline, scope);
      });
      word = 1;
      futex_wake(word, 1, scope);
    }
    CHECK(in_time);
    CHECK(deadline.left() > 5s);
  }
}
