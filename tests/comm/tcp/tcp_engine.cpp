#include "tcp_ranks.hpp"
#include <lockstep/comm/tcp.hpp>
#include <lockstep/comm/tcp/tcp_engine.hpp>

#include <doctest/doctest.h>

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ls = lockstep;
using ls::testing::contains;
using ls::testing::fresh_address_file;
using ls::testing::options_of;
using ls::testing::Processes;
using ls::testing::ProcessResult;
using ls::testing::run_tcp;

namespace {

constexpr std::size_t count = 524'288;

std::string endless_sums(ls::Tcp& tcp) {
  std::vector<float> values(count);
  for (;;) tcp.all_reduce(std::span<float>(values));
  return "unreachable";
}

ls::Deadline in(int seconds) { return ls::Deadline::after(std::chrono::seconds(seconds)); }

/// Reaches into an engine for tests that break connections.
struct Opened : ls::Tcp {
  explicit Opened(const ls::TcpOptions& options) : BasicTcp(options) {}
  const ls::detail::Mesh& mesh() const { return engine().mesh(); }
};

}  // namespace

TEST_CASE("a killed rank is named by every survivor at once") {
  for (const bool asynchronous : {false, true}) {
    const std::string file = fresh_address_file();
    Processes processes(3, [&](int rank) {
      ls::Tcp tcp(options_of(rank, 3, file));
      std::vector<float> values(count);
      for (int step = 0;; ++step) {
        if (rank == 1 && step == 20) ::kill(::getpid(), SIGKILL);
        if (asynchronous) {
          tcp.all_reduce_async(std::span<float>(values), ls::Reduction::sum).wait();
        } else {
          tcp.all_reduce(std::span<float>(values));
        }
      }
      return "unreachable";
    });
    const ProcessResult killed = processes.wait(1, in(60));
    CHECK(WIFSIGNALED(killed.status));
    for (const int rank : {0, 2}) {
      const ProcessResult survivor = processes.wait(rank, in(20));
      CAPTURE(survivor.text);
      CHECK(!survivor.hung);
      CHECK(survivor.seconds - killed.seconds < 1);
      CHECK(contains(survivor.text, "ERROR: tcp: "));
      CHECK(contains(survivor.text, "rank 1 (host "));
      CHECK(contains(survivor.text, std::string(") died, last seen ")));
      CHECK(contains(survivor.text, ls::concat("; this rank (", rank, ") was in all_reduce<float32>(524288, sum) #")));
    }
  }
}

TEST_CASE("a rank that is killed while another computes is named by the next call, and by all after it") {
  const auto results = run_tcp(2, [](ls::Tcp& tcp) {
    tcp.barrier();
    if (tcp.rank() == 1) ::kill(::getpid(), SIGKILL);
    ::usleep(300'000);
    std::string first, second;
    try {
      tcp.barrier();
    } catch (const ls::CommunicationError& error) {
      first = error.what();
    }
    try {
      tcp.progress();
      tcp.barrier();
    } catch (const ls::CommunicationError& error) {
      second = error.what();
    }
    return first + "|" + second;
  });
  CAPTURE(results[0].text);
  CHECK(results[0].text.find("tcp: rank 1 (host ") == 0);
  CHECK(contains(results[0].text, ") died, last seen "));
  CHECK(contains(results[0].text, "|the communicator has failed before: tcp: rank 1 (host "));
}

TEST_CASE("wherever a rank is killed, the others end with an error and not by their deadline" *
          doctest::test_suite("long")) {
  for (int attempt = 0; attempt < 40; ++attempt) {
    const std::string file = fresh_address_file();
    Processes processes(3, [&](int rank) {
      ls::TcpOptions options = options_of(rank, 3, file);
      options.connect_deadline = std::chrono::seconds(5);
      ls::Tcp tcp(options);
      return endless_sums(tcp);
    });
    ::usleep(static_cast<useconds_t>(attempt * 700));
    const int victim = attempt % 3;
    ::kill(processes[victim], SIGKILL);
    for (const int rank : {0, 1, 2}) {
      const ProcessResult result = processes.wait(rank, in(20));
      CAPTURE(attempt);
      CAPTURE(rank);
      CAPTURE(result.text);
      CHECK(!result.hung);
      if (rank != victim) CHECK(contains(result.text, "ERROR: tcp: "));
    }
    ::unlink(file.c_str());
  }
}

TEST_CASE("a rank that is stopped for three seconds is waited for") {
  const std::string file = fresh_address_file();
  Processes processes(2, [&](int rank) {
    ls::Tcp tcp(options_of(rank, 2, file));
    std::vector<float> values(count);
    for (int step = 0; step < 6; ++step) {
      tcp.all_reduce(std::span<float>(values));
      if (rank == 1 && step == 3) ::kill(::getpid(), SIGSTOP);
    }
    return "passed";
  });
  int status = 0;
  CHECK(::waitpid(processes[1], &status, WUNTRACED) == processes[1]);
  ::usleep(3'000'000);
  ::kill(processes[1], SIGCONT);
  ls::testing::check_all(processes.wait_all(), "passed");
}

TEST_CASE("a rank that stays stopped is suspected and named") {
  const std::string file = fresh_address_file();
  Processes processes(3, [&](int rank) {
    ls::TcpOptions options = options_of(rank, 3, file);
    options.heartbeat = std::chrono::milliseconds(100);
    options.suspect_after = std::chrono::milliseconds(1000);
    ls::Tcp tcp(options);
    std::vector<double> values(100'000);
    for (int step = 0;; ++step) {
      tcp.all_reduce(std::span<double>(values));
      if (rank == 1 && step == 3) ::kill(::getpid(), SIGSTOP);
    }
    return "unreachable";
  });
  for (const int rank : {0, 2}) {
    const ProcessResult waiting = processes.wait(rank, in(30));
    CAPTURE(waiting.text);
    CHECK(!waiting.hung);
    CHECK(contains(waiting.text, "rank 1 (host "));
    CHECK(contains(waiting.text, "has given no sign of life for 1 s"));
    CHECK(contains(waiting.text, "was in all_reduce<float64>(100000, sum) #5"));
  }
}

TEST_CASE("a rank that does not come in time is named, with its last call") {
  const auto results =
      run_tcp(3,
              [](ls::Tcp& tcp) {
                tcp.barrier();
                if (tcp.rank() == 2) ::sleep(4);
                tcp.barrier();
                return "passed";
              },
              {.deadline = std::chrono::milliseconds(1500), .heartbeat = std::chrono::milliseconds(200)});
  for (const ProcessResult& result : results) {
    CAPTURE(result.text);
    CHECK(contains(result.text, " waited 1.5 s in barrier() #2 for rank 2 (host "));
    CHECK(contains(result.text, "which is alive but was last seen in barrier() #1"));
  }
}

TEST_CASE("a long computation between two collectives is no failure") {
  // Longer than suspect_after, while the other rank's bytes wait in front of a closed window.
  const auto results =
      run_tcp(2,
              [](ls::Tcp& tcp) {
                std::vector<float> values(8'000'000, 1.0f);
                if (tcp.rank() == 1) ::sleep(4);
                tcp.all_reduce(std::span<float>(values));
                return ls::concat(values[7'999'999]);
              },
              {.heartbeat = std::chrono::milliseconds(200), .suspect_after = std::chrono::milliseconds(1500)});
  ls::testing::check_all(results, "2");
}

TEST_CASE("ranks that call different things are told what each called") {
  const auto counts = run_tcp(3, [](ls::Tcp& tcp) {
    std::vector<float> values(tcp.rank() == 2 ? 1'048'576 : count);
    for (int step = 0; step < 100; ++step) tcp.all_reduce(std::span<float>(values));
    return "unreachable";
  });
  for (const ProcessResult& result : counts) {
    CAPTURE(result.text);
    CHECK(contains(result.text, "the ranks disagree about collective #1: rank "));
    CHECK(contains(result.text, ") called all_reduce<float32>(524288, sum); rank 2 (host "));
    CHECK(contains(result.text, ") called all_reduce<float32>(1048576, sum)"));
  }
  const auto types = run_tcp(2, [](ls::Tcp& tcp) {
    std::vector<float> values(10);
    std::vector<std::int32_t> integers(10);
    tcp.barrier();
    if (tcp.rank() == 0) {
      tcp.all_reduce(std::span<float>(values), ls::Reduction::max);
    } else {
      tcp.all_reduce(std::span<std::int32_t>(integers), ls::Reduction::max);
    }
    return "unreachable";
  });
  for (const ProcessResult& result : types) {
    CAPTURE(result.text);
    CHECK(contains(result.text, "about collective #2: rank 0 (host "));
    CHECK(contains(result.text, ") called all_reduce<float32>(10, max); rank 1 (host "));
    CHECK(contains(result.text, ") called all_reduce<int32>(10, max); all ranks must make the same calls"));
  }
}

TEST_CASE("ranks that both wait for the other in different calls learn it from the signs of life") {
  const auto results = run_tcp(2,
                               [](ls::Tcp& tcp) {
                                 std::vector<float> values(10);
                                 tcp.broadcast(std::span<float>(values), 1 - tcp.rank());  // nobody sends
                                 return "unreachable";
                               },
                               {.heartbeat = std::chrono::milliseconds(200)});
  for (const ProcessResult& result : results) {
    CAPTURE(result.text);
    CHECK(contains(result.text, ") called broadcast<float32>(10, root 1); rank 1 (host "));
    CHECK(contains(result.text, ") called broadcast<float32>(10, root 0)"));
  }
}

TEST_CASE("counts that the ranks see differently are an error on all of them") {
  const auto results = run_tcp(2, [](ls::Tcp& tcp) {
    const std::int64_t own = tcp.rank() == 0 ? 3 : 2;
    const std::vector<std::int64_t> counts{own, 5 - own};
    std::vector<float> input(static_cast<std::size_t>(counts[static_cast<std::size_t>(tcp.rank())])), output(5);
    tcp.all_gather_ragged(std::span<const float>(input), std::span<float>(output), counts);
    return "unreachable";
  });
  for (const ProcessResult& result : results) {
    CAPTURE(result.text);
    CHECK(contains(result.text, "the ranks disagree about the counts of all_gather_ragged<float32>(5) #1"));
  }
}

TEST_CASE("a message that is not received as it was sent is an error on both sides") {
  const auto results = run_tcp(2, [](ls::Tcp& tcp) {
    std::vector<float> values(100);
    if (tcp.rank() == 0) {
      tcp.send(std::span<const float>(values), 1);
      tcp.send(std::span<const float>(values), 1);
      tcp.barrier();
    } else {
      std::vector<double> others(100);
      tcp.receive(std::span<float>(values), 0);
      tcp.receive(std::span<double>(others), 0);
    }
    return "unreachable";
  });
  for (const ProcessResult& result : results) {
    CAPTURE(result.text);
    CHECK(contains(result.text, "message #2 from rank 0 to rank 1: rank 0 (host "));
    CHECK(contains(result.text, ") called send<float32>(100, to 1); rank 1 (host "));
    CHECK(contains(result.text, ") called receive<float64>(100, from 0); "));
  }
}

TEST_CASE("a rank that leaves early, or ends with an exception, is named") {
  const auto left = run_tcp(3, [](ls::Tcp& tcp) {
    tcp.barrier();
    if (tcp.rank() == 1) return "left";
    tcp.barrier();
    return "unreachable";
  });
  for (const int rank : {0, 2}) {
    CAPTURE(left[static_cast<std::size_t>(rank)].text);
    CHECK(contains(left[static_cast<std::size_t>(rank)].text, "rank 1 (host "));
    CHECK(contains(left[static_cast<std::size_t>(rank)].text, ") left"));
    CHECK(
        contains(left[static_cast<std::size_t>(rank)].text, ls::concat("this rank (", rank, ") was in barrier() #2")));
  }
  CHECK(left[1].text == "left");
  const auto thrown = run_tcp(2, [](ls::Tcp& tcp) {
    if (tcp.rank() == 1) throw ls::NumericalError("no number");
    tcp.barrier();
    return "unreachable";
  });
  CAPTURE(thrown[0].text);
  CHECK(contains(thrown[0].text, "reported: rank 1 ended with an exception"));
  CHECK(thrown[1].text == "ERROR: no number");
}

TEST_CASE("what a rank sent before it left is received") {
  for (int attempt = 0; attempt < 20; ++attempt) {
    const auto results = run_tcp(3, [](ls::Tcp& tcp) {
      std::vector<float> values(300'000, tcp.rank() == 0 ? 5.0f : 0.0f);
      if (tcp.rank() == 2) ::usleep(20'000);
      tcp.broadcast(std::span<float>(values), 0);
      return ls::concat(values[299'999]);
    });
    ls::testing::check_all(results, "5");
  }
}

TEST_CASE("a connection that is reset, and bytes that make no sense, are errors that name the rank") {
  for (const bool reset : {true, false}) {
    const std::string file = fresh_address_file();
    Processes processes(2, [&](int rank) {
      Opened tcp(options_of(rank, 2, file));
      tcp.barrier();
      if (rank == 1) {
        const int socket = tcp.mesh().peers[0].data.back().descriptor();
        if (reset) {
          const linger hard{1, 0};
          ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
          const int other = ::socket(AF_INET, SOCK_STREAM, 0);
          ::dup2(other, socket);  // closes the connection with a reset
        } else {
          const std::string garbage(1000, 'x');
          CHECK(::send(socket, garbage.data(), garbage.size(), MSG_NOSIGNAL) == 1000);
        }
      }
      std::vector<float> values(1000);
      for (int step = 0; step < 10; ++step) tcp.all_reduce(std::span<float>(values));
      return "unreachable";
    });
    const auto results = processes.wait_all();
    CAPTURE(results[0].text);
    CAPTURE(results[1].text);
    if (reset) {
      CHECK(contains(results[0].text, "a connection to rank "));  // whoever comes first
      CHECK(contains(results[0].text, ") broke: "));
    } else {
      CHECK(contains(results[0].text, "what came from rank 1 (host "));
      CHECK(contains(results[0].text, "makes no sense"));
      CHECK(contains(results[1].text, "rank 0 (host "));
    }
    for (const ProcessResult& result : results) CHECK(contains(result.text, "ERROR: tcp: "));
    ::unlink(file.c_str());
  }
}

TEST_CASE("garbage on a control connection is an error that says so") {
  const std::string file = fresh_address_file();
  Processes processes(2, [&](int rank) {
    Opened tcp(options_of(rank, 2, file));
    tcp.barrier();
    if (rank == 1) {
      const std::string garbage(512, 'x');
      CHECK(::send(tcp.mesh().peers[0].control.descriptor(), garbage.data(), garbage.size(), MSG_NOSIGNAL) == 512);
    }
    for (;;) tcp.barrier();
    return "unreachable";
  });
  for (const ProcessResult& result : processes.wait_all()) {
    CAPTURE(result.text);
    CHECK(contains(result.text, "the control connection to rank 1 (host "));
    CHECK(contains(result.text, "the frame's authentication code is wrong"));
  }
}

TEST_CASE("the ranks that are left go on in a new communicator") {
  for (const int victim : {0, 1, 3}) {
    CAPTURE(victim);
    const std::string file = fresh_address_file();
    Processes processes(4, [&](int rank) {
      ls::Tcp tcp(options_of(rank, 4, file));
      std::vector<float> values(count);
      std::string told;
      try {
        for (int step = 0;; ++step) {
          if (rank == victim && step == 5) ::kill(::getpid(), SIGKILL);
          tcp.all_reduce(std::span<float>(values));
        }
      } catch (const ls::CommunicationError& error) {
        told = error.what();
      }
      ls::Tcp rest = tcp.rebuild();
      std::int32_t sum = rank;
      rest.all_reduce(std::span<std::int32_t>(&sum, 1));
      rest.all_reduce(std::span<float>(values));
      bool stays_failed = false;
      try {
        tcp.barrier();
      } catch (const ls::CommunicationError&) {
        stays_failed = true;
      }
      ls::Tcp again = rest.split(0, 0);
      again.barrier();
      return ls::concat(rest.rank(), " of ", rest.size(), ", sum ", sum, stays_failed ? "" : ", the old one works");
    });
    const int order[4][4] = {{-1, 0, 1, 2}, {0, -1, 1, 2}, {}, {0, 1, 2, -1}};
    for (int rank = 0; rank < 4; ++rank) {
      const ProcessResult result = processes.wait(rank, in(60));
      if (rank == victim) continue;
      CHECK(!result.hung);
      CHECK(result.text == ls::concat(order[victim][rank], " of 3, sum ", 6 - victim));
    }
    ::unlink(file.c_str());
  }
}

TEST_CASE("a communicator that works is not rebuilt, and a copy of the process leaves it alone") {
  ls::testing::check_all(run_tcp(2,
                                 [](ls::Tcp& tcp) {
                                   std::string refused = "accepted";
                                   try {
                                     ls::Tcp other = tcp.rebuild();
                                   } catch (const ls::ArgumentError&) {
                                     refused = "refused";
                                   }
                                   tcp.barrier();
                                   const pid_t copy = ::fork();
                                   if (copy == 0) {
                                     { const ls::Tcp inherited = std::move(tcp); }
                                     ::_exit(0);
                                   }
                                   int status = -1;
                                   ::waitpid(copy, &status, 0);
                                   tcp.barrier();
                                   return ls::concat(refused, " ", status);
                                 }),
                         "refused 0");
}
