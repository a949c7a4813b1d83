// Shortages, limits and worlds larger than the machine.
#include "../ring_processes.hpp"
#include <lockstep/comm/ring.hpp>
#include <lockstep/testing/communicator.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace ls = lockstep;
using namespace ls::testing;

namespace {

void set_limit(int resource, rlim_t soft) {
  rlimit limit{};
  ::getrlimit(static_cast<__rlimit_resource_t>(resource), &limit);
  limit.rlim_cur = soft;
  ::setrlimit(static_cast<__rlimit_resource_t>(resource), &limit);
}

// Sanitizers take address space as they go and end without it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool sanitized = false;
#endif

std::string error_of_allocation(ls::Ring& ring, std::size_t bytes) {
  try {
    auto memory = ring.allocate(bytes);
  } catch (const ls::CommunicationError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a meeting for which there is no memory ends with the reason on every rank") {
  const std::string name = fresh_name();
  Processes processes(3, [&](int rank) {
    ::signal(SIGXFSZ, SIG_IGN);
    if (rank == 0) set_limit(RLIMIT_FSIZE, 4096);
    ls::Ring ring({.rank = rank, .size = 3, .name = name});
    return "met";
  });
  for (const ProcessResult& result : processes.wait_all()) {
    CAPTURE(result.text);
    CHECK(contains(result.text, "rank 0 cannot make "));
    CHECK(contains(result.text, " bytes of shared memory: File too large; free memory, or raise the limit"));
  }
}

TEST_CASE("memory that one rank cannot map is an error on every rank, and the ring goes on" *
          doctest::skip(sanitized)) {
  for (const ProcessResult& result : run_ring(2, [](ls::Ring& ring) {
         if (ring.rank() == 1) set_limit(RLIMIT_AS, rlim_t{256} << 20);
         const std::string text = error_of_allocation(ring, std::size_t{150} << 20);
         set_limit(RLIMIT_AS, RLIM_INFINITY);
         ring.barrier();
         return text;
       })) {
    CAPTURE(result.text);
    CHECK(contains(result.text, "ring: rank 1 (host "));
    CHECK(contains(result.text, ") could not have 157286400 bytes of shared memory: Cannot allocate memory; free"));
  }
}

TEST_CASE("a rank without free descriptors is named on every rank, and the ring goes on when it has some") {
  for (const int poor : {0, 1}) {
    for (const ProcessResult& result : run_ring(3, [&](ls::Ring& ring) {
           if (ring.rank() == poor) {
             const int lowest = ::dup(0);
             ::close(lowest);
             set_limit(RLIMIT_NOFILE, static_cast<rlim_t>(lowest));
           }
           const std::string text = error_of_allocation(ring, 100'000);
           if (ring.rank() == poor) set_limit(RLIMIT_NOFILE, 1000);
           return text + " / " + error_of_allocation(ring, 100'000);
         })) {
      CAPTURE(poor);
      CAPTURE(result.text);
      CHECK(contains(result.text, ls::concat("ring: rank ", poor, " (host ")));
      CHECK(contains(result.text, ") could not have 100000 bytes of shared memory: Too many open files; "));
      CHECK(contains(result.text, " / no error"));
    }
  }
}

TEST_CASE("a rank that has too few descriptors to meet with says so, and the others end by their deadline") {
  for (const int poor : {0, 1}) {
    for (const rlim_t few : {0, 1, 2}) {
      const std::string name = fresh_name();
      Processes processes(2, [&](int rank) {
        if (rank == poor) {
          const int lowest = ::dup(0);
          ::close(lowest);
          set_limit(RLIMIT_NOFILE, static_cast<rlim_t>(lowest) + few);
        }
        ls::Ring ring({.rank = rank, .size = 2, .name = name, .connect_deadline = std::chrono::seconds(1)});
        return "met";
      });
      const auto results = processes.wait_all(std::chrono::seconds(20));
      CAPTURE(poor);
      CAPTURE(few);
      CAPTURE(results[0].text);
      CAPTURE(results[1].text);
      for (const ProcessResult& result : results) CHECK(contains(result.text, "ERROR: "));
      const std::string& reason = results[static_cast<std::size_t>(poor)].text;
      const bool clear = contains(reason, "Too many open files") || contains(reason, "out of file descriptors");
      CHECK(clear);
    }
  }
}

TEST_CASE("nothing is locked in memory") {
  const std::string name = fresh_name();
  Processes processes(2, [&](int rank) {
    set_limit(RLIMIT_MEMLOCK, 0);
    ls::Ring ring({.rank = rank, .size = 2, .name = name});
    auto memory = ring.allocate(10 << 20);
    ring.all_reduce(std::span<float>(reinterpret_cast<float*>(memory.data()), 1'000'000));
    return "done";
  });
  check_all(processes.wait_all(), "done");
}

TEST_CASE("many more ranks than processors come to the end, with messages too") {
  check_all(run_ring(24,
                     [](ls::Ring& ring) {
                       std::vector<double> values(10'000, 1.0);
                       for (int i = 0; i < 20; ++i) ring.barrier();
                       ring.all_reduce(std::span<double>(values));
                       std::int32_t token = ring.rank();
                       const int next = (ring.rank() + 1) % ring.size(), before = (ring.rank() + 23) % ring.size();
                       for (int i = 0; i < ring.size(); ++i) {
                         ring.send(std::span<std::int32_t>(&token, 1), next);
                         ring.receive(std::span<std::int32_t>(&token, 1), before);
                       }
                       return ls::concat(values[9999], " ", token - ring.rank());
                     }),
            "24 0");
}

TEST_CASE("empty buffers, single elements, odd addresses, NaN and infinity pass through every path") {
  check_all(run_ring(3,
                     [](ls::Ring& ring) {
                       check_special_values(ring);
                       auto memory = ring.allocate(400'000);
                       std::vector<std::byte> heap(400'000);
                       for (std::byte* bytes : {memory.data() + 1, heap.data() + 3}) {
                         auto* odd = reinterpret_cast<std::uint8_t*>(bytes);
                         for (const std::size_t count : {0u, 1u, 47u, 49u, 2049u, 300'001u}) {
                           const std::span<std::uint8_t> values(odd, count);
                           for (auto& value : values) value = static_cast<std::uint8_t>(1 + ring.rank());
                           ring.all_reduce(values);
                           for (const auto value : values) {
                             if (value != 6) return ls::concat(count, " bytes: ", int{value});
                           }
                           ring.broadcast(values, 2);
                           if (ring.rank() == 0) ring.send(values, 1);
                           if (ring.rank() == 1) ring.receive(values, 0);
                         }
                       }
                       return std::string("right");
                     }),
            "right");
}

TEST_CASE("a child that a rank has forked neither speaks for it nor keeps the peers from noticing its death") {
  const std::string name = fresh_name();
  Processes processes(2, [&](int rank) {
    ls::Ring ring({.rank = rank, .size = 2, .name = name});
    if (rank == 1) {
      if (::fork() == 0) {  // lives on with copies of all descriptors and mappings
        ::sleep(4);
        ::_exit(0);
      }
      ::kill(::getpid(), SIGKILL);
    }
    ring.barrier();
    return "unreachable";
  });
  const ProcessResult survivor = processes.wait(0, ls::Deadline::after(std::chrono::seconds(60)));
  CAPTURE(survivor.text);
  CHECK(survivor.seconds < 3);
  CHECK(contains(survivor.text, "rank 1 (host "));
  CHECK(contains(survivor.text, " died "));
}

TEST_CASE("buffers of more than 2^31 bytes" * doctest::test_suite("long")) {
  check_all(run_ring(2,
                     [](ls::Ring& ring) {
                       check_large(ring);
                       return "right";
                     }),
            "right");
}
