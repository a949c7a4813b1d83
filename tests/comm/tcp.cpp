#include "processes.hpp"
#include "random_program.hpp"
#include "tcp/tcp_ranks.hpp"
#include <lockstep/comm/tcp.hpp>
#include <lockstep/comm/threads.hpp>
#include <lockstep/testing/communicator.hpp>

#include <doctest/doctest.h>

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <vector>

namespace ls = lockstep;
using ls::testing::check_all;
using ls::testing::contains;
using ls::testing::ProcessResult;
using ls::testing::run_tcp;

// Counts the heap allocations of a thread. Not inlined: compilers would take malloc and delete for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++ls::testing::allocations;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

std::string conforms(ls::Tcp& tcp) {
  ls::testing::check_communicator(tcp);
  ls::testing::check_canonical_order(tcp);
  return "conforms";
}

/// The bits of reductions by every algorithm, of 32-bit and 16-bit numbers.
template <class C>
std::string digest(C& communicator) {
  std::uint64_t hash = 14695981039346656037u;
  const auto add = [&](const auto& values) {
    for (const auto value : values) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, &value, sizeof value);
      hash = (hash ^ bits) * 1099511628211u;
    }
  };
  for (const std::size_t count : {1u, 3u, 100u, 3001u, 20'000u, 200'000u, 1'000'003u}) {
    std::vector<float> values(count);
    std::vector<ls::BFloat16> small(count);
    for (const ls::Reduction reduction : {ls::Reduction::mean, ls::Reduction::sum, ls::Reduction::product}) {
      for (std::size_t i = 0; i < count; ++i) {
        values[i] = ls::testing::detail::fraction(communicator.rank(), i);
        small[i] = ls::BFloat16(values[i]);
      }
      communicator.all_reduce(std::span<float>(values), reduction);
      communicator.all_reduce(std::span<ls::BFloat16>(small), reduction);
      add(values);
      add(small);
    }
  }
  return std::to_string(hash);
}

}  // namespace

TEST_CASE("Tcp passes the conformance suite") {
  for (const int size : {1, 2, 3, 4, 5}) {
    CAPTURE(size);
    check_all(run_tcp(size, conforms), "conforms");
  }
}

TEST_CASE("Tcp passes the conformance suite with several sockets for each peer, and encrypted") {
  check_all(run_tcp(3, conforms, {.sockets_per_peer = 3}), "conforms");
  check_all(run_tcp(2, conforms, {.secret = ls::JobSecret{std::byte{7}}, .encrypt = true}), "conforms");
}

TEST_CASE("Tcp passes the conformance suite with eight ranks" * doctest::test_suite("long")) {
  check_all(run_tcp(8, conforms), "conforms");
  check_all(run_tcp(8, conforms, {.sockets_per_peer = 2}), "conforms");
}

TEST_CASE("Tcp and Threads give the same bits") {
  for (const int size : {2, 3, 4, 5}) {
    CAPTURE(size);
    std::string expected;
    ls::launch_threads(size, [&](ls::Threads& communicator) {
      const std::string own = digest(communicator);
      if (communicator.rank() == 0) expected = own;
    });
    check_all(run_tcp(size, [](ls::Tcp& tcp) { return digest(tcp); }), expected);
    if (size == 4) {
      check_all(run_tcp(size, [](ls::Tcp& tcp) { return digest(tcp); }, {.sockets_per_peer = 4}), expected);
    }
  }
}

TEST_CASE("TcpFast gives the same bits on all ranks") {
  const auto results = run_tcp<ls::TcpFast>(3, [](ls::TcpFast& tcp) {
    ls::testing::check_all_reduce(tcp);
    return digest(tcp);
  });
  CHECK(!contains(results[0].text, "ERROR"));
  check_all(results, results[0].text);
}

TEST_CASE("random programs give the right results") {
  for (const int size : {2, 3, 4}) {
    for (const std::uint64_t seed : {1u, 2u}) {
      check_all(run_tcp(size,
                        [&](ls::Tcp& tcp) {
                          ls::testing::run_random_program(tcp, seed, 300);
                          return "done";
                        }),
                "done");
    }
  }
}

TEST_CASE("long random programs give the right results" * doctest::test_suite("long")) {
  for (const std::uint64_t seed : {3u, 4u, 5u, 6u}) {
    check_all(run_tcp(4,
                      [&](ls::Tcp& tcp) {
                        ls::testing::run_random_program(tcp, seed, 3000);
                        return "done";
                      },
                      {.sockets_per_peer = static_cast<int>(seed) - 2}),
              "done");
  }
}

TEST_CASE("asynchronous work goes on while nobody waits") {
  check_all(run_tcp(2,
                    [](ls::Tcp& tcp) {
                      std::vector<float> first(3'000'000, 1.0f), second(100, 1.0f);
                      auto large = tcp.all_reduce_async(std::span<float>(first), ls::Reduction::sum);
                      auto small = tcp.all_reduce_async(std::span<float>(second), ls::Reduction::sum);
                      for (int look = 0; look < 1000 && reinterpret_cast<volatile float&>(second[99]) != 2; ++look) {
                        ::usleep(10'000);
                      }
                      const bool done = small.test();
                      large.wait();
                      small.wait();
                      return ls::concat(first[2'999'999], " ", second[99], done ? " in time" : " too late");
                    }),
            "2 2 in time");
}

TEST_CASE("messages do not wait for collectives, nor collectives for messages") {
  check_all(run_tcp(2,
                    [](ls::Tcp& tcp) {
                      const int other = 1 - tcp.rank();
                      std::vector<double> late(2'000'000), values(500'000, 1.0);
                      auto received = tcp.receive_async(std::span<double>(late), other);
                      for (int round = 0; round < 5; ++round) tcp.all_reduce(std::span<double>(values));
                      std::vector<double> sent(2'000'000, tcp.rank());
                      auto collective = tcp.all_reduce_async(std::span<double>(values), ls::Reduction::max);
                      tcp.send_async(std::span<const double>(sent), other).wait();
                      received.wait();
                      collective.wait();
                      return ls::concat(late[1'999'999] == other, " ", values[0]);
                    }),
            "true 32");
}

TEST_CASE("parts of a communicator are independent, and split again") {
  const auto results = run_tcp(5, [](ls::Tcp& tcp) {
    ls::Tcp part = tcp.split(tcp.rank() % 2, -tcp.rank());
    std::vector<float> values(10'000, static_cast<float>(tcp.rank()));
    part.all_reduce(std::span<float>(values));
    ls::Tcp alone = part.split(part.rank(), 0);
    ls::Tcp all = tcp.split(0, 0);
    std::int32_t sum = 1;
    all.all_reduce(std::span<std::int32_t>(&sum, 1));
    alone.barrier();
    return ls::concat(part.rank(), " of ", part.size(), ": ", values[9999], ", ", alone.size(), ", ", sum);
  });
  CHECK(results[0].text == "2 of 3: 6, 1, 5");
  CHECK(results[1].text == "1 of 2: 4, 1, 5");
  CHECK(results[4].text == "0 of 3: 6, 1, 5");
}

TEST_CASE("no collective allocates after the first round") {
  check_all(run_tcp(2,
                    [](ls::Tcp& tcp) {
                      std::vector<float> values(1 << 20), pieces(2000);
                      std::size_t before = 0;
                      for (int round = 0; round < 20; ++round) {
                        if (round == 5) before = ls::testing::allocations;
                        for (const std::size_t count : {1u, 1000u, 100'000u, 1u << 20}) {
                          tcp.all_reduce(std::span<float>(values.data(), count));
                        }
                        tcp.all_gather(std::span<const float>(values.data(), 1000), std::span<float>(pieces));
                        auto pending = tcp.broadcast_async(std::span<float>(values), 1);
                        pending.wait();
                        tcp.barrier();
                        if (tcp.rank() == 0) {
                          tcp.send(std::span<const float>(values.data(), 10), 1);
                        } else {
                          tcp.receive(std::span<float>(values.data(), 10), 0);
                        }
                      }
                      return ls::concat(ls::testing::allocations - before);
                    }),
            "0");
}

TEST_CASE("nothing is left of a communicator that has ended") {
  const std::string file = ls::testing::fresh_address_file();
  ls::testing::Processes processes(2, [&](int rank) {
    const auto one = [&](std::uint64_t epoch) {
      ls::Tcp tcp({.rank = rank, .size = 2, .job_id = file, .epoch = epoch, .address_file = file});
      std::vector<float> values(10'000);
      tcp.all_reduce(std::span<float>(values));
      ls::Tcp moved = std::move(tcp);
      ls::Tcp part = moved.split(0, 0);
      part.barrier();
    };
    one(0);
    const int descriptors = ls::testing::open_descriptors(), threads = ls::testing::own_threads();
    for (std::uint64_t cycle = 1; cycle < 20; ++cycle) one(cycle);
    return ls::concat(ls::testing::open_descriptors() - descriptors, " descriptors, ",
                      ls::testing::own_threads() - threads, " threads");
  });
  check_all(processes.wait_all(), "0 descriptors, 0 threads");
}

TEST_CASE("communicators live side by side") {
  const std::string first_file = ls::testing::fresh_address_file(), second_file = ls::testing::fresh_address_file();
  ls::testing::Processes processes(2, [&](int rank) {
    ls::Tcp first({.rank = rank, .size = 2, .job_id = first_file, .address_file = first_file});
    ls::Tcp second({.rank = 1 - rank, .size = 2, .job_id = second_file, .address_file = second_file});
    std::vector<float> values(100'000, 1.0f), others(100'000, 1.0f);
    auto pending = first.all_reduce_async(std::span<float>(values), ls::Reduction::sum);
    second.all_reduce(std::span<float>(others));
    pending.wait();
    return ls::concat(values[99'999], others[99'999]);
  });
  check_all(processes.wait_all(), "22");
}
