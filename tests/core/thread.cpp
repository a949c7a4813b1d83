// Threads run what they are given, join when they end, and move.
#include <lockstep/core/thread.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <vector>

using lockstep::Thread;

TEST_CASE("a thread has run when it is destroyed") {
  std::atomic<int> count{0};
  {
    std::vector<Thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&count] { ++count; });
  }
  CHECK(count == 4);
}

TEST_CASE("it owns its callable, which need not be copyable") {
  std::atomic<int> result{0};
  auto number = std::make_unique<int>(42);
  Thread thread([&result, number = std::move(number)] { result = *number; });
  CHECK(thread.joinable());
  thread.join();
  CHECK_FALSE(thread.joinable());
  CHECK(result == 42);
  thread.join();  // again: nothing happens
}

TEST_CASE("moving hands the duty to join on; assigning joins first") {
  std::atomic<int> count{0};
  Thread first([&count] { ++count; });
  Thread second = std::move(first);
  CHECK_FALSE(first.joinable());
  CHECK(second.joinable());
  second = Thread([&count] { ++count; });
  CHECK(count >= 1);
  second.join();
  CHECK(count == 2);
  Thread none;
  CHECK_FALSE(none.joinable());
}
