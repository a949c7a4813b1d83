// Ranks that are killed, at every moment and in every call.
#include "../ring_processes.hpp"
#include <lockstep/comm/ring.hpp>

#include <doctest/doctest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

namespace ls = lockstep;
using namespace ls::testing;

TEST_CASE("whichever rank is killed in whichever call, every survivor names it and the call within two seconds") {
  const char* calls[] = {"barrier()",
                         "all_reduce<float32>(3, sum)",
                         "all_reduce<float32>(400000, max)",
                         "reduce<float32>(400000, root 1, sum)",
                         "reduce_scatter<float32>(100000, sum)",
                         "all_gather<float32>(100000)",
                         "gather<float32>(100000, root 2)",
                         "scatter<float32>(100000, root 0)",
                         "all_to_all<float32>(100000)",
                         "broadcast<float32>(400000, root 1)"};
  for (int call = 0; call < 10; ++call) {
    const int victim = call % 4;
    CAPTURE(calls[call]);
    CAPTURE(victim);
    const std::string name = fresh_name();
    Processes processes(4, [&](int rank) {
      ls::Ring ring({.rank = rank, .size = 4, .name = name});
      std::vector<float> large(400'000), piece(100'000), other(400'000);
      const std::span<float> all(large), part(piece), second(other);
      for (int step = 0;; ++step) {
        if (rank == victim && step == 5) {
          if (call % 2 == 0) ::usleep(20'000);  // the others wait, or have not come
          ::kill(::getpid(), SIGKILL);
        }
        switch (call) {
          case 0:
            ring.barrier();
            break;
          case 1:
            ring.all_reduce(all.first(3));
            break;
          case 2:
            ring.all_reduce(all, ls::Reduction::max);
            break;
          case 3:
            ring.reduce(all, second, 1);
            break;
          case 4:
            ring.reduce_scatter(all, part);
            break;
          case 5:
            ring.all_gather(part, all);
            break;
          case 6:
            ring.gather(part, all, 2);
            break;
          case 7:
            ring.scatter(all, part, 0);
            break;
          case 8:
            ring.all_to_all(all, second);
            break;
          default:
            ring.broadcast(all, 1);
        }
      }
      return "unreachable";
    });
    const ls::Deadline deadline = ls::Deadline::after(std::chrono::seconds(60));
    const ProcessResult killed = processes.wait(victim, deadline);
    for (int rank = 0; rank < 4; ++rank) {
      if (rank == victim) continue;
      const ProcessResult survivor = processes.wait(rank, deadline);
      CAPTURE(survivor.text);
      CHECK(survivor.seconds - killed.seconds < 2);
      CHECK(contains(survivor.text, "ERROR: ring: "));
      CHECK(contains(survivor.text, ls::concat("rank ", victim, " (host ")));
      CHECK(contains(survivor.text, ls::concat(", pid ")));
      CHECK(contains(survivor.text, ls::concat(" died after ", calls[call], " #")));
      CHECK(contains(survivor.text, ls::concat("this rank (", rank, ") was in ", calls[call], " #")));
    }
  }
}

TEST_CASE("a rank killed while ranks meet ends the meeting for all, soon and with a reason") {
  for (int victim = 0; victim < 3; ++victim) {
    for (const int moment : {0, 1, 2}) {  // before it comes, while others are missing, at about the end
      CAPTURE(victim);
      CAPTURE(moment);
      const std::string name = fresh_name();
      const int late = victim == 2 ? 1 : 2;
      Processes processes(3, [&](int rank) {
        if (rank == victim && moment == 0) ::kill(::getpid(), SIGKILL);
        if (rank == late && moment > 0) ::usleep(moment == 1 ? 400'000 : 100'000);
        ls::Ring ring({.rank = rank, .size = 3, .name = name, .connect_deadline = std::chrono::milliseconds(1500)});
        for (;;) ring.barrier();
        return "unreachable";
      });
      ::usleep(moment == 0 ? 1000 : 100'000);
      ::kill(processes[victim], SIGKILL);
      const auto results = processes.wait_all();
      for (int rank = 0; rank < 3; ++rank) {
        const ProcessResult& result = results[static_cast<std::size_t>(rank)];
        if (rank == victim) continue;
        CAPTURE(rank);
        CAPTURE(result.text);
        CHECK(!result.hung);
        CHECK(result.seconds < 20);
        CHECK(contains(result.text, "ERROR: ring: "));
        const bool explained = contains(result.text, ls::concat("rank ", victim)) ||
                               contains(result.text, ls::concat("missing: ", victim)) ||
                               contains(result.text, ls::concat("missing: 1, 2")) ||
                               contains(result.text, "found nobody at");
        CHECK(explained);
      }
    }
  }
}

TEST_CASE("all ranks but one are killed at once") {
  const std::string name = fresh_name();
  Processes processes(5, [&](int rank) {
    ls::Ring ring({.rank = rank, .size = 5, .name = name});
    ring.barrier();
    if (rank != 3) ::kill(::getpid(), SIGKILL);
    ring.barrier();
    return "unreachable";
  });
  const auto results = processes.wait_all();
  CAPTURE(results[3].text);
  CHECK(contains(results[3].text, " died after barrier() #"));
  CHECK(contains(results[3].text, "this rank (3) was in barrier() #"));
}

TEST_CASE("a run that crashed leaves nothing that disturbs the next one of the same name") {
  const std::string name = fresh_name();
  for (int run = 0; run < 5; ++run) {
    {
      Processes crashed(3, [&](int rank) {
        ls::Ring ring({.rank = rank, .size = 3, .name = name});
        auto memory = ring.allocate(1 << 20);
        for (;;) ring.all_reduce(std::span<float>(reinterpret_cast<float*>(memory.data()), 1000));
        return "unreachable";
      });
      ::usleep(static_cast<useconds_t>(run * 5000));
    }  // all are killed here
    Processes next(3, [&](int rank) {
      ls::Ring ring({.rank = rank, .size = 3, .name = name});
      float value = 1;
      ring.all_reduce(std::span<float>(&value, 1));
      return ls::concat(value);
    });
    check_all(next.wait_all(), "3");
  }
  CHECK(!contains(ls::read_file("/proc/net/unix"), name));
}
