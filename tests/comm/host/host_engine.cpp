#include <lockstep/comm/host/host_engine.hpp>
#include <lockstep/comm/threads.hpp>
#include <lockstep/core/shared.hpp>
#include <lockstep/core/thread.hpp>

#include <doctest/doctest.h>

#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>

namespace ls = lockstep;
using namespace ls::detail;

namespace {

struct TwoEngines {
  explicit TwoEngines(std::chrono::milliseconds deadline)
      : first(ThreadTransport{group}, group->page, 0, {deadline, std::chrono::microseconds(5)}),
        second(ThreadTransport{group}, group->page, 1, {deadline, std::chrono::nanoseconds(0)}) {}
  lockstep::Shared<ThreadGroupState> group = lockstep::Shared<ThreadGroupState>::make(2, ls::ThreadGroupOptions{});
  HostEngine<ThreadTransport> first, second;
};

Call barrier() {
  Call call;
  call.fingerprint.collective = Collective::barrier;
  return call;
}

}  // namespace

TEST_CASE("finishing an operation finishes all before it") {
  TwoEngines engines(std::chrono::seconds(60));
  const std::uint64_t a = engines.first.start(barrier()), b = engines.first.start(barrier());
  CHECK(!engines.first.finished(a));
  {
    const ls::Thread other([&] {
      engines.second.run(barrier());
      engines.second.run(barrier());
    });
    engines.first.finish(b);
  }
  CHECK(engines.first.finished(a));
  engines.first.finish(a);
  engines.first.progress();
}

TEST_CASE("starting more operations than there are slots waits for the peer") {
  TwoEngines engines(std::chrono::seconds(60));
  const ls::Thread other([&] {
    ::usleep(20'000);
    for (std::uint64_t i = 0; i < 3 * slot_count; ++i) engines.second.run(barrier());
  });
  std::uint64_t last = 0;
  for (std::uint64_t i = 0; i < 3 * slot_count; ++i) last = engines.first.start(barrier());
  CHECK(last == 3 * slot_count - 1);
  engines.first.finish(last);
}

TEST_CASE("a wait ends at the deadline, and so does asking again and again") {
  TwoEngines engines(std::chrono::milliseconds(50));
  const std::uint64_t number = engines.first.start(barrier());
  try {
    engines.first.finish(number);
    CHECK(false);
  } catch (const ls::CommunicationError& error) {
    CHECK(std::string(error.what())
              .starts_with("threads: rank 0 waited 0.05 s in barrier() #1 for rank 1, which is alive but was last seen "
                           "before its first"));
  }
  TwoEngines polled(std::chrono::milliseconds(50));
  const std::uint64_t polled_number = polled.first.start(barrier());
  CHECK_THROWS_AS(while (!polled.first.finished(polled_number)){}, ls::CommunicationError);
}

TEST_CASE("a failure of one rank ends the wait of the other") {
  TwoEngines engines(std::chrono::seconds(60));
  std::string text;
  {
    const ls::Thread other([&] {
      try {
        engines.second.run(barrier());
      } catch (const ls::CommunicationError& error) {
        text = error.what();
      }
    });
    ::usleep(20'000);
    CHECK_THROWS_AS(engines.first.fail("the disk is full"), ls::CommunicationError);
  }
  CHECK(text.starts_with("threads: rank 0 reported: the disk is full"));
}
