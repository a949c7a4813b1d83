#include "random_program.hpp"
#include "ring_processes.hpp"
#include <lockstep/comm/ring.hpp>
#include <lockstep/comm/threads.hpp>
#include <lockstep/testing/communicator.hpp>

#include <doctest/doctest.h>

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <vector>

namespace ls = lockstep;
using namespace ls::testing;

// Counts the heap allocations of a thread.
namespace {
thread_local std::size_t allocations = 0;
}

// Not inlined: compilers would take malloc and delete for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

/// The bits of a few reductions that take every path.
template <class C>
std::string digest(C& communicator) {
  std::uint64_t hash = 14695981039346656037u;
  auto memory = communicator.allocate(200'000 * sizeof(float));
  std::vector<float> heap(200'000);
  for (const std::size_t count : {3u, 12u, 100u, 500u, 3001u, 200'000u}) {
    for (const bool allocated : {true, false}) {
      float* data = allocated ? reinterpret_cast<float*>(memory.data()) : heap.data();
      for (std::size_t i = 0; i < count; ++i) data[i] = ls::testing::detail::fraction(communicator.rank(), i);
      communicator.all_reduce(std::span<float>(data, count), ls::Reduction::mean);
      for (std::size_t i = 0; i < count; ++i) {
        std::uint32_t bits;
        std::memcpy(&bits, data + i, sizeof bits);
        hash = (hash ^ bits) * 1099511628211u;
      }
    }
  }
  return std::to_string(hash);
}

}  // namespace

TEST_CASE("Ring passes the conformance suite") {
  for (const int size : {1, 2, 3, 4, 5, 8}) {
    CAPTURE(size);
    check_all(run_ring(size,
                       [](ls::Ring& ring) {
                         ls::testing::check_communicator(ring);
                         ls::testing::check_canonical_order(ring);
                         return "conforms";
                       }),
              "conforms");
  }
}

TEST_CASE("Ring and Threads give the same bits") {
  for (const int size : {2, 3, 5}) {
    std::string expected;
    ls::launch_threads(size, [&](ls::Threads& communicator) {
      const std::string own = digest(communicator);
      if (communicator.rank() == 0) expected = own;
    });
    check_all(run_ring(size, [](ls::Ring& ring) { return digest(ring); }), expected);
  }
}

TEST_CASE("ranks may mix memory that peers can reach with memory that they cannot") {
  check_all(run_ring(3,
                     [](ls::Ring& ring) {
                       constexpr std::size_t count = 300'000;
                       auto memory = ring.allocate(count * sizeof(float));
                       std::vector<float> heap(count);
                       float* data = ring.rank() == 1 ? heap.data() : reinterpret_cast<float*>(memory.data());
                       for (std::size_t i = 0; i < count; ++i)
                         data[i] = static_cast<float>(ring.rank()) + static_cast<float>(i);
                       ring.all_reduce(std::span<float>(data, count));
                       for (std::size_t i = 0; i < count; ++i) {
                         if (data[i] != 3 + 3 * static_cast<float>(i))
                           return ls::concat("element ", i, " is ", data[i]);
                       }
                       return std::string("right");
                     }),
            "right");
}

TEST_CASE("a killed rank is named by every survivor within two seconds") {
  for (const bool allocated : {true, false}) {
    ls::RingOptions options{.size = 3, .name = fresh_name()};
    Processes processes(3, [&](int rank) {
      options.rank = rank;
      ls::Ring ring(options);
      constexpr std::size_t count = 524'288;
      auto memory = ring.allocate(count * sizeof(float));
      std::vector<float> heap(count);
      const std::span<float> buffer(allocated ? reinterpret_cast<float*>(memory.data()) : heap.data(), count);
      for (int step = 0;; ++step) {
        auto pending = ring.all_reduce_async(buffer, ls::Reduction::sum);
        if (rank == 1 && step == 20) ::kill(::getpid(), SIGKILL);
        pending.wait();
      }
      return "unreachable";
    });
    const ls::Deadline deadline = ls::Deadline::after(std::chrono::seconds(60));
    const ProcessResult killed = processes.wait(1, deadline);
    CHECK(WIFSIGNALED(killed.status));
    for (const int rank : {0, 2}) {
      const ProcessResult survivor = processes.wait(rank, deadline);
      CAPTURE(survivor.text);
      CHECK(!survivor.hung);
      CHECK(survivor.seconds - killed.seconds < 2);
      CHECK(contains(survivor.text, "ERROR: ring: "));
      CHECK(contains(survivor.text, "rank 1 (host "));
      CHECK(contains(survivor.text, "died during all_reduce<float32>(524288, sum) #"));
      CHECK(contains(survivor.text, ls::concat("this rank (", rank, ") was in all_reduce<float32>(524288, sum) #")));
    }
  }
}

TEST_CASE("a rank that polls learns of a death, a departure and a deadline too") {
  for (const int fate : {0, 1, 2}) {
    ls::RingOptions options{.size = 2, .name = fresh_name()};
    if (fate == 2) options.deadline = std::chrono::milliseconds(300);
    Processes processes(2, [&](int rank) {
      options.rank = rank;
      ls::Ring ring(options);
      ring.barrier();
      if (rank == 1) {
        if (fate == 0) ::kill(::getpid(), SIGKILL);
        if (fate == 2) ::usleep(1'500'000);
        return "gone";
      }
      std::vector<float> values(1000);
      auto pending = ring.all_reduce_async(std::span<float>(values), ls::Reduction::sum);
      while (!pending.test()) {}
      return "unreachable";
    });
    const auto results = processes.wait_all();
    CAPTURE(results[0].text);
    CHECK(contains(results[0].text, "rank 1 (host "));
    const char* expected[] = {"died after barrier()", "left after barrier()",
                              "which is alive but was last seen after barrier()"};
    CHECK(contains(results[0].text, expected[fate]));
  }
}

TEST_CASE("wherever a rank is killed, the others end with an error and not by their deadline") {
  for (int attempt = 0; attempt < 40; ++attempt) {
    const std::string name = fresh_name();
    Processes processes(3, [&](int rank) {
      ls::Ring ring({.rank = rank, .size = 3, .name = name, .connect_deadline = std::chrono::seconds(5)});
      for (;;) {
        auto memory = ring.allocate(200'000);
        std::vector<float> heap(50'000);
        ring.all_reduce(std::span<float>(heap));
        ring.all_reduce(std::span<float>(reinterpret_cast<float*>(memory.data()), 50'000));
        ring.barrier();
      }
      return "unreachable";
    });
    ::usleep(static_cast<useconds_t>(attempt * 700));
    const int victim = attempt % 3;
    ::kill(processes[victim], SIGKILL);
    const ls::Deadline deadline = ls::Deadline::after(std::chrono::seconds(20));
    for (const int rank : {0, 1, 2}) {
      const ProcessResult result = processes.wait(rank, deadline);
      CAPTURE(attempt);
      CAPTURE(rank);
      CAPTURE(result.text);
      CHECK(!result.hung);
      if (rank != victim) CHECK(contains(result.text, "ERROR: ring: "));
    }
  }
}

TEST_CASE("a rank that is stopped for a while is waited for, one that stays stopped is named") {
  {
    ls::RingOptions options{.size = 2, .name = fresh_name()};
    Processes processes(2, [&](int rank) {
      options.rank = rank;
      ls::Ring ring(options);
      if (rank == 1) ::kill(::getpid(), SIGSTOP);
      ring.barrier();
      return "passed";
    });
    int status = 0;
    CHECK(::waitpid(processes[1], &status, WUNTRACED) == processes[1]);
    ::usleep(300'000);
    ::kill(processes[1], SIGCONT);
    check_all(processes.wait_all(), "passed");
  }
  ls::RingOptions options{.size = 2, .name = fresh_name(), .deadline = std::chrono::milliseconds(500)};
  Processes processes(2, [&](int rank) {
    options.rank = rank;
    ls::Ring ring(options);
    std::vector<double> values(100'000);
    for (int step = 0; step < 3; ++step) {
      ring.all_reduce(std::span<double>(values));
      if (rank == 1 && step == 1) ::kill(::getpid(), SIGSTOP);
    }
    return "passed";
  });
  const ls::Deadline deadline = ls::Deadline::after(std::chrono::seconds(60));
  const ProcessResult waiting = processes.wait(0, deadline);
  CAPTURE(waiting.text);
  CHECK(contains(waiting.text, "rank 0 waited 0.5 s in all_reduce<float64>(100000, sum) #"));
  CHECK(contains(waiting.text, "for rank 1 (host "));
  CHECK(contains(waiting.text, "which is alive but was last seen after all_reduce<float64>(100000, sum) #"));
  ::kill(processes[1], SIGCONT);
  const ProcessResult stopped = processes.wait(1, deadline);
  CAPTURE(stopped.text);
  CHECK(contains(stopped.text, "rank 0 (host "));
  CHECK(contains(stopped.text, "reported: rank 0 waited 0.5 s"));
}

TEST_CASE("processes that call different things are all told what each called") {
  const auto results = run_ring(3, [](ls::Ring& ring) {
    std::vector<float> values(ring.rank() == 2 ? 1'048'576 : 524'288);
    ring.all_reduce(std::span<float>(values));
    return "unreachable";
  });
  for (const ProcessResult& result : results) {
    CHECK(contains(result.text, "ERROR: ring: the ranks disagree about collective #"));
    CHECK(contains(result.text, ") called all_reduce<float32>(524288, sum); rank 1 (host "));
    CHECK(contains(result.text, ") called all_reduce<float32>(1048576, sum)"));
  }
  const auto sizes = run_ring(2, [](ls::Ring& ring) {
    auto memory = ring.allocate(ring.rank() == 0 ? 100 : 200);
    return "unreachable";
  });
  for (const ProcessResult& result : sizes) CHECK(contains(result.text, "called allocate(200 bytes)"));
}

TEST_CASE("a process that leaves early, or ends with an exception, is named") {
  const auto left = run_ring(2, [](ls::Ring& ring) {
    if (ring.rank() == 1) return "left";
    ring.barrier();
    return "unreachable";
  });
  CHECK(contains(left[0].text, "rank 1 (host "));
  CHECK(contains(left[0].text, ") left after "));
  CHECK(contains(left[0].text, "this rank (0) was in barrier() #"));
  CHECK(left[1].text == "left");
  const auto thrown = run_ring(2, [](ls::Ring& ring) {
    if (ring.rank() == 1) throw ls::NumericalError("no number");
    ring.barrier();
    return "unreachable";
  });
  CHECK(contains(thrown[0].text, "reported: rank 1 ended with an exception"));
  CHECK(thrown[1].text == "ERROR: no number");
}

TEST_CASE("nothing is left of a ring that has ended") {
  const std::string name = fresh_name();
  Processes processes(2, [&](int rank) {
    const int descriptors = open_descriptors();
    for (int cycle = 0; cycle < 30; ++cycle) {
      ls::Ring ring({.rank = rank, .size = 2, .name = name});
      auto kept = ring.allocate(100'000), dropped = ring.allocate(5'000'000);
      dropped = ring.allocate(10);
      std::vector<float> values(10'000);
      ring.all_reduce(std::span<float>(values));
      ls::Ring moved = std::move(ring);
      moved.barrier();
    }
    return ls::concat(open_descriptors() - descriptors, " descriptors, ", shared_mappings(), " mappings");
  });
  check_all(processes.wait_all(), "0 descriptors, 0 mappings");
  CHECK(!contains(ls::read_file("/proc/net/unix"), name));
}

TEST_CASE("memory may outlive its ring, and rings may live side by side") {
  const std::string first_name = fresh_name(), second_name = fresh_name();
  Processes processes(2, [&](int rank) {
    ls::Ring::Memory memory;
    {
      ls::Ring first({.rank = rank, .size = 2, .name = first_name});
      ls::Ring second({.rank = 1 - rank, .size = 2, .name = second_name});
      memory = first.allocate(100'000);
      auto other = second.allocate(100'000);
      const std::span<float> values(reinterpret_cast<float*>(memory.data()), 25'000);
      values[0] = 1;
      first.all_reduce(values);
      second.all_reduce(values);
      first.all_reduce(std::span<float>(reinterpret_cast<float*>(other.data()), 25'000));
    }
    return ls::concat(reinterpret_cast<float*>(memory.data())[0]);
  });
  check_all(processes.wait_all(), "4");
}

TEST_CASE("memory that a rank has released cannot be used by a peer") {
  const auto results = run_ring(2, [](ls::Ring& ring) {
    auto memory = ring.allocate(100'000);
    auto other = ring.allocate(100'000);
    if (ring.rank() == 1) memory = ls::Ring::Memory();
    const auto& mine = ring.rank() == 0 ? memory : other;
    ring.all_reduce(std::span<float>(reinterpret_cast<float*>(mine.data()), 25'000));
    return "unreachable";
  });
  CHECK(contains(results[0].text, "uses memory from allocate() that rank 1 has released"));
  CHECK(contains(results[1].text, "uses memory from allocate() that rank 1 has released"));
}

TEST_CASE("a shortage of memory is an error on every rank, and the ring goes on") {
  const auto results = run_ring(3, [](ls::Ring& ring) {
    std::string text;
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{1 << 20, RLIM_INFINITY}, large{RLIM_INFINITY, RLIM_INFINITY};
    if (ring.rank() == 0) ::setrlimit(RLIMIT_FSIZE, &small);
    try {
      auto memory = ring.allocate(10 << 20);
    } catch (const ls::CommunicationError& error) {
      text = error.what();
    }
    ::setrlimit(RLIMIT_FSIZE, &large);
    auto memory = ring.allocate(10 << 20);
    ring.all_reduce(std::span<float>(reinterpret_cast<float*>(memory.data()), 1000));
    return text;
  });
  for (const ProcessResult& result : results) {
    CHECK(contains(result.text, "rank 0 (host "));
    CHECK(contains(result.text, "could not have 10485760 bytes of shared memory: File too large"));
  }
}

TEST_CASE("no collective or message allocates after the first round") {
  check_all(run_ring(2,
                     [](ls::Ring& ring) {
                       auto memory = ring.allocate(1 << 20);
                       const std::span<float> shared(reinterpret_cast<float*>(memory.data()), 250'000);
                       std::vector<float> heap(250'000), half(125'000);
                       std::size_t before = 0;
                       for (int round = 0; round < 50; ++round) {
                         if (round == 1) before = allocations;
                         ring.all_reduce(shared);
                         ring.all_reduce(std::span<float>(heap));
                         ring.all_reduce(shared.first(5));
                         ring.reduce_scatter(shared, std::span<float>(half), ls::Reduction::mean);
                         ring.all_gather(half, shared);
                         ring.broadcast(shared, 1);
                         {
                           auto first = ring.all_reduce_async(shared.first(1000), ls::Reduction::sum);
                           auto second = ring.all_reduce_async(std::span<float>(heap), ls::Reduction::max);
                           ring.progress();
                           second.wait();
                         }
                         ring.barrier();
                         for (const std::size_t count : {std::size_t{5}, std::size_t{100'000}}) {
                           auto sent = ring.send_async(shared.first(count), 1 - ring.rank());
                           auto received = ring.receive_async(std::span<float>(heap).first(count), 1 - ring.rank());
                           received.wait();
                           sent.wait();
                         }
                       }
                       return ls::concat(allocations - before, " allocations");
                     }),
            "0 allocations");
}

TEST_CASE("a fork of a rank does not speak for it") {
  check_all(run_ring(2,
                     [](ls::Ring& ring) {
                       const pid_t child = ::fork();
                       if (child == 0) {
                         { const ls::Ring copy = std::move(ring); }
                         ::_exit(0);
                       }
                       ::waitpid(child, nullptr, 0);
                       float value = 1;
                       ring.all_reduce(std::span<float>(&value, 1));
                       return ls::concat(value);
                     }),
            "2");
}

TEST_CASE("sleeping processes miss nothing") {
  check_all(run_ring(4,
                     [](ls::Ring& ring) {
                       std::vector<float> values(3000, 1.0f);
                       for (int i = 0; i < 300; ++i) {
                         ring.barrier();
                         ring.all_reduce(std::span<float>(values), ls::Reduction::mean);
                       }
                       return values[0] == 1.0f ? "right" : "wrong";
                     },
                     {.spin = std::chrono::nanoseconds(0)}),
            "right");
}

TEST_CASE("random programs give the right results") {
  for (const int size : {2, 3, 5}) {
    for (const std::uint64_t seed : {1u, 2u, 3u}) {
      check_all(run_ring(size,
                         [&](ls::Ring& ring) {
                           ls::testing::run_random_program(ring, seed, 400);
                           return "right";
                         }),
                "right");
    }
  }
}

TEST_CASE("many random programs" * doctest::test_suite("long")) {
  for (std::uint64_t seed = 100; seed < 150; ++seed) {
    ls::RingOptions options;
    if (seed % 2 == 0) options.spin = std::chrono::nanoseconds(0);
    if (seed % 3 == 0) options.staging_bytes = 65536;
    check_all(run_ring(
                  static_cast<int>(2 + seed % 4),
                  [&](ls::Ring& ring) {
                    ls::testing::run_random_program(ring, seed, 1000);
                    return "right";
                  },
                  options),
              "right");
  }
}
