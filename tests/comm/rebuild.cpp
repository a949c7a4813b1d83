#include "ring_processes.hpp"
#include <lockstep/comm/ring.hpp>
#include <lockstep/comm/threads.hpp>
#include <lockstep/core/thread.hpp>
#include <lockstep/testing/communicator.hpp>

#include <doctest/doctest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

namespace ls = lockstep;
using namespace ls::testing;

namespace {

/// Calls until something fails; the text of the error.
template <class C>
std::string run_until_failure(C& communicator) {
  try {
    for (float value = 1;;) communicator.all_reduce(std::span<float>(&value, 1));
  } catch (const ls::CommunicationError& error) {
    return error.what();
  }
}

/// Rank and size, if the communicator conforms.
template <class C>
std::string check_rebuilt(C& communicator) {
  check_communicator(communicator);
  check_canonical_order(communicator);
  return ls::concat(communicator.rank(), " of ", communicator.size());
}

ls::RingOptions options_of(int size) {
  ls::RingOptions options{.size = size, .name = fresh_name()};
  options.connect_deadline = std::chrono::seconds(30);
  return options;
}

}  // namespace

TEST_CASE("whichever rank is killed, the others go on without it") {
  for (int victim = 0; victim < 4; ++victim) {
    CAPTURE(victim);
    ls::RingOptions options = options_of(4);
    Processes processes(4, [&](int rank) {
      options.rank = rank;
      ls::Ring ring(options);
      ring.barrier();
      if (rank == victim) ::kill(::getpid(), SIGKILL);
      const std::string error = run_until_failure(ring);
      if (!contains(error, ls::concat("rank ", victim, " (host ")) || !contains(error, " died ")) return error;
      ls::Ring rebuilt = ring.rebuild();
      const std::string old = run_until_failure(ring);
      if (!contains(old, "the communicator has failed before: ")) return "the old ring says: " + old;
      return check_rebuilt(rebuilt);
    });
    const auto results = processes.wait_all();
    for (int rank = 0, place = 0; rank < 4; ++rank) {
      if (rank == victim) continue;
      CHECK(results[static_cast<std::size_t>(rank)].text == ls::concat(place++, " of 3"));
    }
  }
}

TEST_CASE("two ranks die at once, and one rank alone may be left") {
  for (const int survivors : {2, 1}) {
    ls::RingOptions options = options_of(survivors + 2);
    Processes processes(survivors + 2, [&](int rank) {
      options.rank = rank;
      ls::Ring ring(options);
      ring.barrier();
      if (rank < 2) ::kill(::getpid(), SIGKILL);
      run_until_failure(ring);
      ls::Ring rebuilt = ring.rebuild();
      return check_rebuilt(rebuilt);
    });
    const auto results = processes.wait_all();
    for (int rank = 2; rank < survivors + 2; ++rank) {
      CHECK(results[static_cast<std::size_t>(rank)].text == ls::concat(rank - 2, " of ", survivors));
    }
  }
}

TEST_CASE("ranks that die on the way of a rebuild, whenever, do not keep the others from going on") {
  for (int attempt = 0; attempt < 24; ++attempt) {
    CAPTURE(attempt);
    const int second = 1 + attempt % 3;  // rank 1 leads the survivors
    ls::RingOptions options = options_of(4);
    Processes processes(4, [&](int rank) {
      options.rank = rank;
      ls::Ring ring(options);
      ring.barrier();
      if (rank == 0) ::kill(::getpid(), SIGKILL);
      run_until_failure(ring);
      if (rank == second) {  // a child that kills this process at some moment of the rebuild, or just after
        const pid_t victim = ::getpid();
        if (::fork() == 0) {
          ::usleep(static_cast<useconds_t>(attempt * 150));
          ::kill(victim, SIGKILL);
          ::_exit(0);
        }
      }
      ls::Ring rebuilt = ring.rebuild();
      if (rebuilt.size() == 3) {  // the death came after
        run_until_failure(rebuilt);
        rebuilt = rebuilt.rebuild();
      }
      rebuilt.barrier();
      return ls::concat(rebuilt.rank(), " of ", rebuilt.size());
    });
    const auto results = processes.wait_all();
    for (int rank = 1, place = 0; rank < 4; ++rank) {
      if (rank == second) continue;
      CHECK(results[static_cast<std::size_t>(rank)].text == ls::concat(place++, " of 2"));
    }
  }
}

TEST_CASE("a rank that is stopped is left out, and turned away when it comes after all") {
  for (const int stopped : {0, 1}) {
    CAPTURE(stopped);
    ls::RingOptions options = options_of(3);
    options.deadline = std::chrono::milliseconds(1000);
    options.connect_deadline = std::chrono::milliseconds(3000);
    Processes processes(3, [&](int rank) {
      options.rank = rank;
      ls::Ring ring(options);
      ring.barrier();
      if (rank == stopped) ::kill(::getpid(), SIGSTOP);
      const std::string error = run_until_failure(ring);
      ls::Ring rebuilt = ring.rebuild();
      rebuilt.barrier();
      if (!contains(error, ls::concat("rank ", stopped, " (host ")) || !contains(error, "which is alive but"))
        return error;
      return ls::concat(rebuilt.rank(), " of ", rebuilt.size());
    });
    const ls::Deadline deadline = ls::Deadline::after(std::chrono::seconds(60));
    for (int rank = 0, place = 0; rank < 3; ++rank) {
      if (rank != stopped) CHECK(processes.wait(rank, deadline).text == ls::concat(place++, " of 2"));
    }
    ::kill(processes[stopped], SIGCONT);
    const ProcessResult late = processes.wait(stopped, deadline);
    CAPTURE(late.text);
    CHECK(contains(late.text, ls::concat("ERROR: ring: rank ", stopped, " came too late to the rebuild: rank ")));
    CHECK(contains(late.text, ls::concat("the ranks that came in time (", stopped == 0 ? "1, 2" : "0, 2", ") go on")));
  }
}

TEST_CASE("a ring is rebuilt again and again") {
  ls::RingOptions options = options_of(5);
  Processes processes(5, [&](int rank) {
    options.rank = rank;
    std::vector<ls::Ring> rings;
    rings.emplace_back(options);
    while (rings.back().size() > 1) {
      rings.back().barrier();
      if (rings.back().rank() == rings.back().size() / 2) ::kill(::getpid(), SIGKILL);
      run_until_failure(rings.back());
      rings.push_back(rings.back().rebuild());
    }
    return check_rebuilt(rings.back());
  });
  const auto results = processes.wait_all();
  CHECK(std::count_if(results.begin(), results.end(), [](const auto& result) { return result.text == "0 of 1"; }) == 1);
}

TEST_CASE("what has not failed is not rebuilt, and nothing is rebuilt twice") {
  ls::RingOptions options = options_of(3);
  Processes processes(3, [&](int rank) {
    options.rank = rank;
    ls::Ring ring(options);
    std::string texts;
    const auto note = [&] {
      try {
        ls::Ring rebuilt = ring.rebuild();
        rebuilt.barrier();
      } catch (const ls::ArgumentError& error) {
        texts += error.what();
      }
    };
    note();
    ring.barrier();
    if (rank == 1) ::kill(::getpid(), SIGKILL);
    if (rank == 0) run_until_failure(ring);
    if (rank == 2) ::usleep(200'000);  // it has met no error yet, but the group has
    note();
    note();
    return texts;
  });
  const auto results = processes.wait_all();
  for (const std::size_t rank : {0u, 2u}) {
    CAPTURE(results[rank].text);
    CHECK(results[rank].text ==
          "rebuild: this communicator has not failed; use split to make another one of its ranks"
          "rebuild: was called before on this communicator; go on with the one that it returned");
  }
}

TEST_CASE("a rank that left, or ended with an exception, is not waited for, and nothing is left behind") {
  ls::RingOptions options = options_of(3);
  options.secret = ls::JobSecret{std::byte{7}};
  Processes processes(3, [&](int rank) {
    const int descriptors = open_descriptors();
    options.rank = rank;
    {
      ls::Ring ring(options);
      ring.barrier();
      if (rank == 2) throw ls::NumericalError("no number");
      const std::string error = run_until_failure(ring);
      if (!contains(error, "rank 2 ended with an exception")) return error;
      ls::Ring rebuilt = ring.rebuild();
      check_rebuilt(rebuilt);
    }
    return ls::concat(open_descriptors() - descriptors, " descriptors, ", shared_mappings(), " mappings");
  });
  const auto results = processes.wait_all();
  CHECK(results[0].text == "0 descriptors, 0 mappings");
  CHECK(results[1].text == "0 descriptors, 0 mappings");
  CHECK(results[2].text == "ERROR: no number");
  CHECK(!contains(ls::read_file("/proc/net/unix"), "lockstep-test"));
}

TEST_CASE("threads go on without those that ended") {
  for (int victim = 0; victim < 4; ++victim) {
    std::vector<std::string> results(4);
    ls::launch_threads(4, [&](ls::Threads communicator) {
      const int rank = communicator.rank();
      CHECK_THROWS_AS(communicator.rebuild(), ls::ArgumentError);
      communicator.barrier();
      if (rank == victim) {
        const ls::Threads gone = std::move(communicator);
        return;
      }
      run_until_failure(communicator);
      ls::Threads rebuilt = communicator.rebuild();
      results[static_cast<std::size_t>(rank)] = check_rebuilt(rebuilt);
      CHECK_THROWS_AS(communicator.rebuild(), ls::ArgumentError);
    });
    for (int rank = 0, place = 0; rank < 4; ++rank) {
      if (rank != victim) CHECK(results[static_cast<std::size_t>(rank)] == ls::concat(place++, " of 3"));
    }
  }
}

TEST_CASE("a thread that does not come in time is left out") {
  std::string late;
  ls::launch_threads(3,
                     [&](ls::Threads& communicator) {
                       communicator.barrier();
                       if (communicator.rank() == 0) ::usleep(1'500'000);
                       run_until_failure(communicator);
                       try {
                         ls::Threads rebuilt = communicator.rebuild();
                         rebuilt.barrier();
                         CHECK(rebuilt.size() == 2);
                         CHECK(communicator.rank() > 0);
                       } catch (const ls::CommunicationError& error) {
                         late = error.what();
                       }
                     },
                     {.deadline = std::chrono::milliseconds(400)});
  CHECK(contains(late, "threads: rank 0 came too late to the rebuild: rank "));
  CHECK(contains(late, "the ranks that came in time (1, 2) go on without this one"));
}
