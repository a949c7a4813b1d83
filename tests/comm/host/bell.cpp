#include <lockstep/comm/host/bell.hpp>
#include <lockstep/core/thread.hpp>
#include <lockstep/tensor/memory.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>

namespace ls = lockstep;
using namespace ls::detail;

TEST_CASE("a sleeper wakes for every piece of news, and the count of sleepers returns to zero") {
  const ls::AlignedMemory memory(ControlPage::bytes(2, 0));
  const ControlPage page(memory.data(), 2, 0);
  page.construct(2);
  constexpr int rounds = 2000;
  std::atomic<int> news[2] = {0, 0};
  std::atomic<bool> late{false};
  const auto play = [&](int rank) {
    for (int round = 1; round <= rounds && !late; ++round) {
      news[rank].store(round);
      ring_bells(page, rank, ls::FutexScope::process);
      const ls::Deadline deadline = ls::Deadline::after(std::chrono::seconds(30));
      while (news[1 - rank].load() < round && !late) {
        Sleeper sleeper(page, rank);
        if (news[1 - rank].load() < round) sleeper.wait(deadline, ls::FutexScope::process);
        if (deadline.passed()) late = true;  // a lost wake-up would end here
      }
    }
  };
  {
    const ls::Thread other([&] { play(1); });
    play(0);
  }
  CHECK(!late);
  CHECK(page.group().sleepers.load() == 0);
}

TEST_CASE("a sleeper gives up at its deadline") {
  const ls::AlignedMemory memory(ControlPage::bytes(1, 0));
  const ControlPage page(memory.data(), 1, 0);
  page.construct(1);
  const auto start = ls::Deadline::Clock::now();
  Sleeper(page, 0).wait(ls::Deadline::after(std::chrono::milliseconds(30)), ls::FutexScope::process);
  CHECK(ls::Deadline::Clock::now() - start < std::chrono::seconds(10));
}
