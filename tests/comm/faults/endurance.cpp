// Many beginnings and ends.
#include "../ring_processes.hpp"
#include <lockstep/comm/ring.hpp>
#include <lockstep/comm/threads.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

namespace ls = lockstep;
using namespace ls::testing;

namespace {

/// Starts and stops rings in the same two processes; what is left of them.
std::string cycles(int count) {
  const std::string name = fresh_name();
  Processes processes(2, [&](int rank) {
    int descriptors = 0;
    for (int cycle = 0; cycle <= count; ++cycle) {
      if (cycle == 1) descriptors = open_descriptors();
      ls::Ring ring({.rank = rank, .size = 2, .name = name});
      auto memory = ring.allocate(10'000);
      float value = 1;
      ring.all_reduce(std::span<float>(&value, 1));
      if (rank == 0) ring.send(std::span<float>(&value, 1), 1);
      if (rank == 1) ring.receive(std::span<float>(&value, 1), 0);
      if (value != 2) return ls::concat("cycle ", cycle, ": ", value);
    }
    return ls::concat(open_descriptors() - descriptors, " descriptors, ", shared_mappings(), " mappings");
  });
  const auto results = processes.wait_all(std::chrono::seconds(110));
  return results[0].text == results[1].text ? results[0].text : results[0].text + " / " + results[1].text;
}

}  // namespace

TEST_CASE("hundreds of rings leave nothing behind") { CHECK(cycles(300) == "0 descriptors, 0 mappings"); }

TEST_CASE("ten thousand rings leave nothing behind" * doctest::test_suite("long")) {
  for (int part = 0; part < 4; ++part) CHECK(cycles(2500) == "0 descriptors, 0 mappings");
}

TEST_CASE("rings that fail leave nothing behind either") {
  for (int round = 0; round < 20; ++round) {
    const std::string name = fresh_name();
    Processes processes(2, [&](int rank) {
      const int descriptors = open_descriptors();
      try {
        ls::Ring ring({.rank = rank, .size = 2, .name = name});
        auto memory = ring.allocate(1 << 20);
        std::vector<float> values(rank == 0 ? 100 : 200);
        ring.all_reduce(std::span<float>(values));
      } catch (const ls::CommunicationError&) {
        return ls::concat(open_descriptors() - descriptors, " descriptors, ", shared_mappings(), " mappings");
      }
      return std::string("no error");
    });
    check_all(processes.wait_all(), "0 descriptors, 0 mappings");
    CHECK(!contains(ls::read_file("/proc/net/unix"), name));
  }
}

TEST_CASE("groups of threads come and go") {
  for (int round = 0; round < 300; ++round) {
    ls::launch_threads(2, [](ls::Threads& communicator) {
      float value = 1;
      communicator.all_reduce(std::span<float>(&value, 1));
      if (communicator.rank() == 0) communicator.send(std::span<float>(&value, 1), 1);
      if (communicator.rank() == 1) communicator.receive(std::span<float>(&value, 1), 0);
    });
  }
  CHECK(shared_mappings() == 0);
}
