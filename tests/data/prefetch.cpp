#include <lockstep/data/prefetch.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace ls = lockstep;
using namespace std::chrono_literals;

namespace {

ls::Deadline soon() { return ls::Deadline::after(60s); }

/// Waits until a condition holds; a failed wait fails the test by the deadline.
template <class Condition>
bool eventually(Condition condition) {
  const ls::Deadline deadline = soon();
  while (!condition()) {
    if (deadline.passed()) return false;
    ::usleep(200);
  }
  return true;
}

}  // namespace

TEST_CASE("prefetch: hands out what was read, in order, for any length of the ring") {
  for (std::int64_t ahead = 1; ahead <= 5; ++ahead) {
    ls::Prefetcher<int> prefetcher;
    prefetcher.start(ahead, [count = 0](int& slot) mutable { slot = count++; });
    for (int i = 0; i < 2000; ++i) {
      const int* slot = prefetcher.next(soon());
      REQUIRE(slot != nullptr);
      REQUIRE(*slot == i);
    }
  }
}

TEST_CASE("prefetch: reads so far ahead and no further, and leaves what the consumer holds alone") {
  std::atomic<int> reads{0};
  ls::Prefetcher<int> prefetcher;
  prefetcher.start(3, [&](int& slot) { slot = reads++; });
  REQUIRE(eventually([&] { return reads == 4; }));  // nothing held: the whole ring
  ::usleep(20'000);
  CHECK(reads == 4);
  const int* held = prefetcher.next(soon());
  ::usleep(20'000);
  CHECK(reads == 4);
  CHECK(*held == 0);
  prefetcher.next(soon());
  CHECK(eventually([&] { return reads == 5; }));
}

TEST_CASE("prefetch: reuses its batches") {
  ls::Prefetcher<std::vector<int>> prefetcher;
  prefetcher.start(2, [](std::vector<int>& slot) { slot.resize(100); });
  std::vector<const int*> addresses;
  for (int i = 0; i < 12; ++i) addresses.push_back(prefetcher.next(soon())->data());
  for (std::size_t i = 3; i < addresses.size(); ++i) CHECK(addresses[i] == addresses[i - 3]);
}

TEST_CASE("prefetch: an exception comes after the batches before it, once, and reading can start again") {
  ls::Prefetcher<int> prefetcher;
  const auto read = [count = 0](int& slot) mutable {
    if (count == 2) throw std::runtime_error("sample 2 is unreadable");
    slot = count++;
  };
  for (int round = 0; round < 3; ++round) {
    prefetcher.start(4, read);
    ::usleep(static_cast<unsigned>(round) * 5000);
    REQUIRE(*prefetcher.next(soon()) == 0);
    REQUIRE(*prefetcher.next(soon()) == 1);
    CHECK_THROWS_WITH_AS(prefetcher.next(soon()), "sample 2 is unreadable", std::runtime_error);
    CHECK(!prefetcher.running());
  }
}

TEST_CASE("prefetch: a batch that is not there by the deadline is null, and comes later") {
  std::atomic<bool> go{false};
  ls::Prefetcher<int> prefetcher;
  prefetcher.start(1, [&](int& slot) {
    while (!go) ::usleep(100);
    slot = 7;
  });
  CHECK(prefetcher.next(ls::Deadline::after(30ms)) == nullptr);
  CHECK(prefetcher.next(ls::Deadline::after(0ms)) == nullptr);
  go = true;
  const int* slot = prefetcher.next(soon());
  REQUIRE(slot != nullptr);
  CHECK(*slot == 7);
}

TEST_CASE("prefetch: stops promptly, whether the producer sleeps or reads") {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 200; ++i) {
    ls::Prefetcher<int> prefetcher;
    prefetcher.start(1 + i % 3, [](int& slot) { slot = 1; });
    for (int taken = 0; taken < i % 5; ++taken) prefetcher.next(soon());
    if (i % 10 == 0) ::usleep(1000);
  }
  CHECK(std::chrono::steady_clock::now() - start < 60s);  // 200 naps of a second, were the stop not heard
}

TEST_CASE("prefetch: start drops what another start read ahead") {
  ls::Prefetcher<int> prefetcher;
  prefetcher.start(3, [](int& slot) { slot = 1; });
  prefetcher.next(soon());
  prefetcher.start(2, [](int& slot) { slot = 2; });
  for (int i = 0; i < 5; ++i) CHECK(*prefetcher.next(soon()) == 2);
}
