#include "ring_processes.hpp"
#include <lockstep/comm/flight_record.hpp>
#include <lockstep/comm/ring.hpp>
#include <lockstep/comm/threads.hpp>

#include <doctest/doctest.h>

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

namespace ls = lockstep;
using namespace ls::testing;

TEST_CASE("a record is text, with times relative to now") {
  const auto now = ls::Deadline::Clock::now();
  ls::FlightEntry first, second;
  first.call = {ls::detail::Collective::all_reduce, ls::DType::float32, ls::Reduction::sum, 0, 524'288};
  first.number = 16;
  first.start = now - std::chrono::milliseconds(1500);
  first.finish = first.start + std::chrono::microseconds(12);
  first.finished = true;
  second.call = {ls::detail::Collective::send, ls::DType::int64, ls::Reduction::sum, 2, 3};
  second.start = now - std::chrono::microseconds(250);
  CHECK(to_string(std::vector<ls::FlightEntry>{first, second}, now) ==
        "   -1.500000 s  took 0.000012 s  all_reduce<float32>(524288, sum) #17\n"
        "   -0.000250 s  not finished     send<int64>(3, to 2) #1\n");
}

TEST_CASE("the survivors read what a killed rank called") {
  char directory[] = "/tmp/lockstep-flight-XXXXXX";
  REQUIRE(::mkdtemp(directory) != nullptr);
  const std::string name = fresh_name();
  Processes processes(3, [&](int rank) {
    ::setenv("LOCKSTEP_FLIGHT_RECORD", directory, 1);
    ls::Ring ring({.rank = rank, .size = 3, .name = name});
    std::vector<double> values(5000), few(3);
    for (int i = 0; i < 2000; ++i) ring.all_reduce(std::span<double>(few));
    if (rank == 1) ring.send(std::span<double>(few), 0);
    if (rank == 0) ring.receive(std::span<double>(few), 1);
    if (rank == 1) {
      auto pending = ring.all_reduce_async(std::span<double>(values), ls::Reduction::max);
      ::kill(::getpid(), SIGKILL);
    }
    try {
      ring.barrier();
    } catch (const ls::CommunicationError& error) {
      const std::vector<ls::FlightEntry> record = ring.flight_record(1);
      if (record.size() < 1000 || record.size() > 1024) return ls::concat(record.size(), " calls");
      for (std::size_t i = 1; i < record.size(); ++i) {
        if (record[i].start < record[i - 1].start) return ls::concat("entry ", i, " began before the one before it");
      }
      std::string text = to_string(std::span<const ls::FlightEntry>(record).last(3));
      for (std::size_t at = text.find(" s  "); at != std::string::npos; at = text.find(" s  ")) {
        const std::size_t begin = text.rfind('\n', at) == std::string::npos ? 0 : text.rfind('\n', at) + 1;
        text.erase(begin, at + 4 - begin);  // the times
      }
      return text;
    }
    return std::string("unreachable");
  });
  const auto results = processes.wait_all();
  for (const int rank : {0, 2}) {
    const std::string& text = results[static_cast<std::size_t>(rank)].text;
    CAPTURE(text);
    // Rank 0 may be told of a call that differs, rank 2 of a death: the record is the same.
    CHECK(contains(text, "all_reduce<float64>(3, sum) #2001\n"));
    CHECK(contains(text, "send<float64>(3, to 0) #1\n"));
    CHECK(contains(text, "not finished     all_reduce<float64>(5000, max) #2002\n"));
    const std::string path = ls::concat(directory, "/rank-", rank, ".txt"), file = ls::read_file(path);
    CHECK(contains(file, ls::concat("rank ", rank, " (host ")));
    CHECK(contains(file, ") of 3 failed: ring: "));
    CHECK(contains(file, "not finished     all_reduce<float64>(5000, max) #2002\n"));
    ::unlink(path.c_str());
  }
  ::rmdir(directory);
}

TEST_CASE("a message is what a rank was last seen in") {
  const auto results = run_ring(2,
                                [](ls::Ring& ring) {
                                  std::vector<float> values(50'000);
                                  ring.barrier();
                                  if (ring.rank() == 0) {
                                    ring.receive(std::span<float>(values).first(3), 1);
                                  } else {
                                    ring.send(std::span<float>(values), 0);
                                  }
                                  return "unreachable";
                                },
                                {.deadline = std::chrono::milliseconds(300)});
  for (const ProcessResult& result : results) CHECK(contains(result.text, "is not the one expected"));
  const auto late = run_ring(2,
                             [](ls::Ring& ring) {
                               std::vector<float> values(3);
                               ring.barrier();
                               if (ring.rank() == 0) {
                                 ring.receive(std::span<float>(values), 1);
                               } else {
                                 auto pending = ring.receive_async(std::span<float>(values).first(2), 0);
                                 ::usleep(1'500'000);
                               }
                               return "unreachable";
                             },
                             {.deadline = std::chrono::milliseconds(300)});
  CAPTURE(late[0].text);
  CHECK(contains(late[0].text, "ring: rank 0 waited 0.3 s in receive<float32>(3, from 1) for rank 1 (host "));
  CHECK(contains(late[0].text, "which is alive but was last seen during receive<float32>(2, from 0);"));
}

TEST_CASE("threads have records, too") {
  ls::launch_threads(2, [](ls::Threads& communicator) {
    for (int i = 0; i < 10; ++i) communicator.barrier();
    const auto record = communicator.flight_record(communicator.rank());
    CHECK(record.size() == 10);
    for (const ls::FlightEntry& entry : record) CHECK(entry.finished);
    CHECK(to_string(record.back().call) == "barrier()");
    communicator.barrier();
  });
}
