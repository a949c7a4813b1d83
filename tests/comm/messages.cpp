#include "random_program.hpp"
#include "ring_processes.hpp"
#include <lockstep/comm/ring.hpp>
#include <lockstep/comm/threads.hpp>

#include <doctest/doctest.h>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace ls = lockstep;
using namespace ls::testing;

namespace {

/// In every round each rank may send to every other, with lengths and moments of all kinds, while collectives are
/// pending; ranks receive in an order of their own. Throws when anything arrives wrong.
template <class C>
void run_random_messages(C& communicator, std::uint64_t seed, int rounds) {
  const int rank = communicator.rank(), size = communicator.size();
  RandomBits common{seed * 99 + 3}, own{seed * 1234 + static_cast<std::uint64_t>(rank)};
  constexpr std::size_t longest = 60'000;
  auto shared = communicator.allocate(static_cast<std::size_t>(2 * size) * longest * sizeof(std::int32_t));
  std::vector<std::int32_t> heap(static_cast<std::size_t>(2 * size) * longest);
  const auto value = [](int from, int to, int round, std::size_t index) {
    return static_cast<std::int32_t>(from * 1'000'003 + to * 7919 + round * 31 + static_cast<int>(index));
  };
  std::vector<float> total(3000);
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::vector<std::size_t>> counts(static_cast<std::size_t>(size));
    for (auto& row : counts) {
      for (int to = 0; to < size; ++to) {
        const std::uint64_t magnitudes[] = {1, 10, 1100, 9000, longest};
        row.push_back(static_cast<std::size_t>(common(magnitudes[common(5)] + 1)));
      }
    }
    std::fill(total.begin(), total.end(), 1.0f);
    typename C::Pending collective = communicator.all_reduce_async(std::span<float>(total), ls::Reduction::sum);
    struct Waiting {
      typename C::Pending pending;
      std::span<std::int32_t> buffer;
      int from;
    };
    std::deque<Waiting> waiting;
    std::vector<typename C::Pending> sends;
    const int first = static_cast<int>(own(static_cast<std::uint64_t>(size)));
    for (int step = 0; step < size; ++step) {
      const int peer = (first + step) % size;
      if (peer == rank) continue;
      const auto place = [&](std::size_t index) {
        auto* memory = own(2) == 0 ? reinterpret_cast<std::int32_t*>(shared.data()) : heap.data();
        return memory + index * longest;
      };
      const auto at = static_cast<std::size_t>(peer), me = static_cast<std::size_t>(rank);
      const std::span<std::int32_t> out(place(at), counts[me][at]);
      const std::span<std::int32_t> in(place(at + static_cast<std::size_t>(size)), counts[at][me]);
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = value(rank, peer, round, i);
      sends.push_back(communicator.send_async(out, peer));
      if (own(30) == 0) ::usleep(static_cast<useconds_t>(own(300)));
      waiting.push_back({communicator.receive_async(in, peer), in, peer});
      if (own(3) == 0) communicator.progress();
    }
    while (!waiting.empty()) {
      const std::size_t chosen = own(waiting.size());
      Waiting& one = waiting[chosen];
      if (own(2) == 0) {
        while (!one.pending.test()) {}
      } else {
        one.pending.wait();
      }
      for (std::size_t i = 0; i < one.buffer.size(); ++i) {
        if (one.buffer[i] == value(one.from, rank, round, i)) continue;
        throw ls::Error(ls::concat("round ", round, ": element ", i, " of ", one.buffer.size(), " from ", one.from));
      }
      waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(chosen));
    }
    for (auto& pending : sends) pending.wait();
    collective.wait();
    if (total[2999] != static_cast<float>(size)) throw ls::Error(ls::concat("round ", round, ": the sum is wrong"));
  }
}

}  // namespace

TEST_CASE("random messages arrive as they were sent, beside collectives") {
  for (const int size : {2, 3, 5}) {
    for (const bool sleeping : {false, true}) {
      ls::RingOptions options;
      if (sleeping) options.spin = std::chrono::nanoseconds(0);
      check_all(run_ring(
                    size,
                    [&](ls::Ring& ring) {
                      run_random_messages(ring, static_cast<std::uint64_t>(size), 40);
                      return "right";
                    },
                    options),
                "right");
    }
    ls::launch_threads(size, [&](ls::Threads& communicator) {
      run_random_messages(communicator, static_cast<std::uint64_t>(size) + 10, 40);
    });
  }
}

TEST_CASE("a message passes while a collective waits, and a collective while a message does") {
  check_all(run_ring(2,
                     [](ls::Ring& ring) {
                       std::vector<double> large(100'000, ring.rank() + 1.0);
                       double small = 0;
                       if (ring.rank() == 0) {
                         auto barrier = ring.barrier_async();
                         ring.receive(std::span<double>(&small, 1), 1);
                         ring.send(std::span<double>(large), 1);
                         barrier.wait();
                         auto later = ring.receive_async(std::span<double>(large), 1);
                         ring.barrier();
                         ring.send(std::span<double>(&small, 1), 1);
                         later.wait();
                         return ls::concat(small + large[99'999]);
                       }
                       small = 5;
                       ring.send(std::span<double>(&small, 1), 0);
                       ring.receive(std::span<double>(large), 0);
                       ring.barrier();
                       ring.barrier();
                       ring.receive(std::span<double>(&small, 1), 0);
                       std::fill(large.begin(), large.end(), 2.0);
                       ring.send(std::span<double>(large), 0);
                       return ls::concat(small + large[0]);
                     }),
            "7");
}

TEST_CASE("a killed sender, and a killed receiver, are named") {
  for (const bool sender_dies : {true, false}) {
    for (const bool long_message : {true, false}) {
      const auto results = run_ring(3, [&](ls::Ring& ring) {
        std::vector<float> values(long_message ? 1'000'000 : 3);
        ring.barrier();
        if (ring.rank() == (sender_dies ? 1 : 0)) ::kill(::getpid(), SIGKILL);
        if (ring.rank() == 0) ring.receive(std::span<float>(values), 1);
        for (int i = 0; ring.rank() == 1 && i < 10'000; ++i) ring.send(std::span<float>(values), 0);
        ring.barrier();
        return "unreachable";
      });
      const std::size_t survivor = sender_dies ? 0 : 1;
      CAPTURE(results[survivor].text);
      CHECK(contains(results[survivor].text, ls::concat("rank ", 1 - survivor, " (host ")));
      CHECK(contains(results[survivor].text, " died after barrier() #"));
      const std::string call = ls::concat(sender_dies ? "receive" : "send", "<float32>(", long_message ? 1'000'000 : 3,
                                          sender_dies ? ", from 1)" : ", to 0)");
      // Rank 2 may be the first to see the death, while it waits in the barrier.
      CHECK(contains(results[survivor].text, ls::concat("this rank (", survivor, ") was in ", call)));
      CHECK(contains(results[2].text, ls::concat("rank ", 1 - survivor, " (host ")));
    }
  }
}

TEST_CASE("a receive that fits no send is an error on both ranks, which names both") {
  const auto results = run_ring(2, [](ls::Ring& ring) {
    std::vector<float> values(4);
    std::vector<double> others(4);
    ring.barrier();
    if (ring.rank() == 0) ring.send(std::span<float>(values), 1);
    if (ring.rank() == 1) ring.receive(std::span<double>(others), 0);
    ring.barrier();
    return "unreachable";
  });
  for (const ProcessResult& result : results) {
    CAPTURE(result.text);
    CHECK(contains(result.text, "message #1 from rank 0 to rank 1 is not the one expected: rank 0 (host "));
    CHECK(contains(result.text, ") called send<float32>(4, to 1); rank 1 (host "));
    CHECK(contains(result.text, ") called receive<float64>(4, from 0); a message is received with the type and count"));
  }
}

TEST_CASE("a rank may leave messages behind that are in the channel, but no long one") {
  const auto fine = run_ring(2, [](ls::Ring& ring) {
    const std::vector<float> values(500);
    if (ring.rank() == 0) {
      for (int i = 0; i < 3; ++i) ring.send(std::span<const float>(values), 1);
      return std::string("left");
    }
    std::vector<float> got(500);
    ::usleep(100'000);
    for (int i = 0; i < 2; ++i) ring.receive(std::span<float>(got), 0);  // rank 0 is gone, its messages are not
    return std::string("left");
  });
  for (const ProcessResult& result : fine) CHECK(result.text == "left");
  const auto missing = run_ring(2, [](ls::Ring& ring) {
    std::vector<float> values(500);
    if (ring.rank() == 1) ring.receive(std::span<float>(values), 0);
    return "left";
  });
  CAPTURE(missing[1].text);
  CHECK(contains(missing[1].text, "rank 0 (host "));
  CHECK(contains(missing[1].text, ") left after "));
  CHECK(contains(missing[1].text, "this rank (1) was in receive<float32>(500, from 0)"));
  const auto pending = run_ring(2, [](ls::Ring& ring) {
    static std::vector<float> values(50'000);
    static ls::Ring::Pending kept;  // ends after the ring
    if (ring.rank() == 0) {
      kept = ring.send_async(std::span<float>(values), 1);
      return "left";
    }
    ring.barrier();
    return "unreachable";
  });
  CAPTURE(pending[1].text);
  CHECK(contains(pending[1].text, "reported: rank 0 left while 1 of its operations were pending"));
}

TEST_CASE("buffers of messages may be freed after an error, even while peers copy them") {
  for (int i = 0; i < 30; ++i) {
    ls::launch_threads(3, [&](ls::Threads& communicator) {
      try {
        const int next = (communicator.rank() + 1) % 3, before = (communicator.rank() + 2) % 3;
        for (int round = 0;; ++round) {
          std::vector<float> out(200'000, 1.0f), in(200'000);
          auto send = communicator.send_async(std::span<float>(out), next);
          auto receive = communicator.receive_async(std::span<float>(in), before);
          if (communicator.rank() == 1 && round == 3) throw ls::CommunicationError("enough");
          receive.wait();
          send.wait();
        }
      } catch (const ls::CommunicationError&) {
        CHECK(true);
      }
    });
  }
}
