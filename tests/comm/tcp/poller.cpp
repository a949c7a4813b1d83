#include <lockstep/comm/tcp/poller.hpp>
#include <lockstep/core/thread.hpp>

#include <doctest/doctest.h>

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

namespace ls = lockstep;
using ls::detail::Poller;

namespace {

struct Ends {
  Ends() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    a = ls::FileDescriptor(ends[0]);
    b = ls::FileDescriptor(ends[1]);
  }
  ls::FileDescriptor a, b;
};

}  // namespace

TEST_CASE("news come with the number of their descriptor") {
  Ends first, second;
  Poller poller = Poller::make();
  poller.add(first.a.get(), EPOLLIN, 7);
  poller.add(second.a.get(), EPOLLIN, 8);
  Poller::Events events;
  CHECK(poller.wait(events, std::chrono::nanoseconds(0)).empty());
  REQUIRE(::write(second.b.get(), "x", 1) == 1);
  const auto news = poller.wait(events, std::chrono::seconds(10));
  REQUIRE(news.size() == 1);
  CHECK(news[0].data.u64 == 8);
  poller.change(second.a.get(), EPOLLOUT, 9);
  const auto writable = poller.wait(events, std::chrono::seconds(10));
  REQUIRE(writable.size() == 1);
  CHECK(writable[0].data.u64 == 9);
  poller.remove(second.a.get());
  CHECK(poller.wait(events, std::chrono::nanoseconds(0)).empty());
}

TEST_CASE("a wait without news ends, and lasts at least as long as asked") {
  Poller poller = Poller::make();
  Poller::Events events;
  const auto begin = std::chrono::steady_clock::now();
  CHECK(poller.wait(events, std::chrono::milliseconds(20)).empty());
  CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(19));
}

TEST_CASE("the bell wakes a sleeper, and rings until it is silenced") {
  Poller poller = Poller::make();
  Poller::Events events;
  {
    const ls::Thread ringer([&] {
      ::usleep(20'000);
      poller.ring();
      poller.ring();
    });
    const auto news = poller.wait(events, std::chrono::seconds(30));
    REQUIRE(news.size() == 1);
    CHECK(news[0].data.u64 == Poller::alarm);
  }
  CHECK(poller.wait(events, std::chrono::nanoseconds(0)).size() == 1);
  poller.silence();
  CHECK(poller.wait(events, std::chrono::nanoseconds(0)).empty());
}

TEST_CASE("a process without descriptors is told so") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit none = before;
  none.rlim_cur = 0;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  std::string text;
  try {
    Poller::make();
  } catch (const ls::EnvironmentError& error) {
    text = error.what();
  }
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(text.find("raise the limit of open files") != std::string::npos);
}
