#include <lockstep/comm/tcp/futex_lock.hpp>
#include <lockstep/core/thread.hpp>

#include <doctest/doctest.h>

#include <vector>

namespace ls = lockstep;
using ls::detail::FutexLock;
using ls::detail::LockGuard;

TEST_CASE("one at a time holds the lock") {
  FutexLock lock;
  long counter = 0;  // not atomic: two at a time would lose counts, and a sanitizer would see them
  {
    std::vector<ls::Thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        for (int i = 0; i < 20'000; ++i) {
          const LockGuard guard(lock);
          ++counter;
        }
      });
    }
  }
  CHECK(counter == 80'000);
}

TEST_CASE("a held lock is not had by trying, and can be lent") {
  FutexLock lock;
  CHECK(lock.try_lock());
  CHECK_FALSE(lock.try_lock());
  {
    const ls::detail::UnlockGuard lent(lock);
    CHECK(lock.try_lock());
    lock.unlock();
  }
  CHECK_FALSE(lock.try_lock());
  lock.unlock();
  const LockGuard guard(lock);
  CHECK_FALSE(lock.try_lock());
}
