#include "../processes.hpp"
#include <lockstep/comm/host/ring_rendezvous.hpp>
#include <lockstep/comm/ring.hpp>

#include <doctest/doctest.h>

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

namespace ls = lockstep;
using ls::testing::contains;
using ls::testing::Processes;
using ls::testing::ProcessResult;

namespace {

std::string fresh_name() {
  static int count = 0;
  return ls::concat("lockstep-meeting-", static_cast<int>(::getpid()), "-", ++count);
}

std::string join(const ls::RingOptions& options) {
  ls::Ring ring(options);
  ring.barrier();
  return "met";
}

ls::JobSecret secret_of(unsigned char value) {
  ls::JobSecret secret;
  secret.fill(std::byte{value});
  return secret;
}

}  // namespace

TEST_CASE("ranks meet whatever the order in which they come") {
  for (const int late : {0, 1, 2}) {
    const std::string name = fresh_name();
    Processes processes(3, [&](int rank) {
      if (rank == late) ::usleep(200'000);
      return join({.rank = rank, .size = 3, .name = name, .secret = secret_of(7)});
    });
    for (const ProcessResult& result : processes.wait_all()) CHECK(result.text == "met");
  }
}

TEST_CASE("rank 0 names the ranks that did not come") {
  const std::string name = fresh_name();
  Processes processes(2, [&](int rank) {
    // Rank 0 gives up first: were it rank 1, that would be the fault to name.
    return join({.rank = rank, .size = 4, .name = name, .connect_deadline = std::chrono::seconds(rank == 0 ? 1 : 20)});
  });
  const auto results = processes.wait_all();
  INFO(results[0].text, " / ", results[1].text);
  CHECK(contains(results[0].text, "2 of 4 ranks came to '" + name + "' in time; missing: 2, 3"));
  CHECK(contains(results[1].text, "turned rank 1 away: ring: 2 of 4 ranks came to"));
}

TEST_CASE("a rank that finds no rank 0 says where it looked") {
  const std::string name = fresh_name();
  Processes processes(1, [&](int) {
    return join({.rank = 1, .size = 2, .name = name, .connect_deadline = std::chrono::milliseconds(300)});
  });
  CHECK(contains(processes.wait_all()[0].text, "rank 1 found nobody at '" + name + "' in time"));
}

TEST_CASE("ranks that contradict each other all end with the reason") {
  const std::string worlds = fresh_name();
  Processes other_world(2, [&](int rank) { return join({.rank = rank, .size = 2 + rank, .name = worlds}); });
  for (const ProcessResult& result : other_world.wait_all()) {
    CHECK(contains(result.text, "came as rank 1 of 3, but rank 0 expects 2 ranks"));
  }
  const std::string twice = fresh_name();
  Processes same_rank(3, [&](int rank) {
    if (rank == 2) ::usleep(200'000);
    return join({.rank = rank == 0 ? 0 : 1, .size = 3, .name = twice});
  });
  for (const ProcessResult& result : same_rank.wait_all()) {
    CHECK(contains(result.text, "two processes came as rank 1"));
  }
  const std::string staging = fresh_name();
  Processes other_staging(2, [&](int rank) {
    return join({.rank = rank, .size = 2, .name = staging, .staging_bytes = rank == 0 ? 65536u : 131072u});
  });
  for (const ProcessResult& result : other_staging.wait_all()) {
    CHECK(contains(result.text, "rank 1 has staging_bytes 131072, rank 0 has 65536"));
  }
}

TEST_CASE("those who do not know the secret stay outside, and do not disturb") {
  const std::string name = fresh_name();
  Processes processes(4, [&](int process) {
    const auto limit = std::chrono::seconds(30);
    if (process == 0)
      return join({.rank = 0, .size = 2, .name = name, .secret = secret_of(1), .connect_deadline = limit});
    if (process == 1)
      return join({.rank = 1, .size = 2, .name = name, .secret = secret_of(2), .connect_deadline = limit});
    if (process == 2) return join({.rank = 1, .size = 2, .name = name, .connect_deadline = limit});
    ::usleep(500'000);
    return join({.rank = 1, .size = 2, .name = name, .secret = secret_of(1), .connect_deadline = limit});
  });
  const auto results = processes.wait_all();
  CHECK(results[0].text == "met");
  CHECK(contains(results[1].text, "turned rank 1 away: it does not know the secret of the job"));
  CHECK(contains(results[2].text, "turned rank 1 away: it does not know the secret of the job"));
  CHECK(results[3].text == "met");
}

TEST_CASE("garbage at the door does not disturb") {
  const std::string name = fresh_name();
  Processes processes(3, [&](int process) {
    if (process == 2) {
      for (int attempt = 0; attempt < 50; ++attempt) {
        const ls::FileDescriptor socket = ls::detail::connect_to(name);
        if (socket && attempt % 2 == 0) {
          static_cast<void>(!::write(socket.get(), "GET / HTTP/1.1\r\n", 16));
        } else if (socket) {
          ls::detail::RingHello hello;
          hello.rank = -5;
          hello.protocol ^= 1;
          ls::detail::send_message(socket, hello, {}, ls::Deadline::after(std::chrono::seconds(1)));
        }
        ::usleep(5000);
      }
      return std::string("done");
    }
    if (process == 1) ::usleep(150'000);
    return join({.rank = process, .size = 2, .name = name});
  });
  const auto results = processes.wait_all();
  CHECK(results[0].text == "met");
  CHECK(results[1].text == "met");
}

TEST_CASE("a rank that is killed before all have come is named") {
  const std::string name = fresh_name();
  Processes processes(3, [&](int rank) {
    if (rank == 2) {
      ::usleep(3'000'000);
      return std::string("late");
    }
    if (rank == 1) ::alarm(0);
    return join({.rank = rank, .size = 3, .name = name});
  });
  ::usleep(500'000);
  ::kill(processes[1], SIGKILL);
  const ProcessResult host = processes.wait(0, ls::Deadline::after(std::chrono::seconds(30)));
  CHECK(!host.hung);
  CHECK(contains(host.text, "rank 1 (host "));
  CHECK(contains(host.text, "ended before all ranks had joined"));
}

TEST_CASE("a name that another process holds is reported") {
  const std::string name = fresh_name();
  const ls::FileDescriptor held = ls::detail::listen_at(name);
  REQUIRE(held);
  CHECK(!ls::detail::listen_at(name));
  try {
    join({.rank = 0, .size = 2, .name = name, .connect_deadline = std::chrono::milliseconds(100)});
    CHECK(false);
  } catch (const ls::CommunicationError& error) {
    CHECK(contains(error.what(), "rank 0 cannot take the name '" + name + "', another process holds it"));
  }
}

TEST_CASE("options that cannot be are refused") {
  CHECK_THROWS_AS(ls::Ring({.rank = 2, .size = 2, .name = "x"}), ls::ArgumentError);
  CHECK_THROWS_AS(ls::Ring({.rank = 0, .size = 0, .name = "x"}), ls::ArgumentError);
  CHECK_THROWS_AS(ls::Ring({.rank = 0, .size = 1, .name = "x", .staging_bytes = 100}), ls::ArgumentError);
  CHECK_THROWS_AS(ls::Ring({.rank = 0, .size = 2, .name = std::string(200, 'x')}), ls::ArgumentError);
}

TEST_CASE("a world of one needs no name") {
  ls::Ring ring(ls::RingOptions{});
  CHECK(ring.size() == 1);
  ring.barrier();
}
