// Runs under mpirun: every rank executes every test, on all ranks or on parts of them.
#include "random_program.hpp"
#include <lockstep/comm/threads.hpp>
#include <lockstep/mpi.hpp>
#include <lockstep/testing/communicator.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace ls = lockstep;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// What a function throws, as text; empty when it does not.
template <class Function>
std::string error_of(Function function) {
  try {
    function();
  } catch (const ls::CommunicationError& error) {
    return error.what();
  }
  return {};
}

/// The bits of reductions on every path, of all that are summed in floating point.
template <class T, class C>
void add_digest(C& communicator, std::uint64_t& hash) {
  for (const std::size_t count : {std::size_t{3}, std::size_t{700}, std::size_t{3001}, std::size_t{600'001}}) {
    for (const ls::Reduction reduction : {ls::Reduction::sum, ls::Reduction::mean, ls::Reduction::product}) {
      std::vector<T> values(count);
      for (std::size_t i = 0; i < count; ++i) {
        values[i] = static_cast<T>(ls::testing::detail::fraction(communicator.rank(), i));
      }
      communicator.all_reduce(std::span<T>(values), reduction);
      std::vector<unsigned char> bytes(count * sizeof(T));
      std::memcpy(bytes.data(), values.data(), bytes.size());
      for (const unsigned char byte : bytes) hash = (hash ^ byte) * 1099511628211u;
    }
  }
}

template <class C>
std::uint64_t digest(C& communicator) {
  std::uint64_t hash = 14695981039346656037u;
  add_digest<float>(communicator, hash);
  add_digest<double>(communicator, hash);
  add_digest<ls::BFloat16>(communicator, hash);
  add_digest<ls::Float16>(communicator, hash);
  return hash;
}

}  // namespace

TEST_CASE("Mpi passes the conformance suite and keeps the canonical order") {
  ls::Mpi communicator;
  ls::testing::check_communicator(communicator);
  ls::testing::check_canonical_order(communicator);
}

TEST_CASE("MpiNative passes the conformance suite") {
  ls::MpiNative communicator;
  ls::testing::check_communicator(communicator);
}

TEST_CASE("Mpi and Threads give the same bits") {
  ls::Mpi communicator;
  std::uint64_t expected = 0;
  ls::launch_threads(communicator.size(), [&](ls::Threads& threads) {
    const std::uint64_t own = digest(threads);
    if (threads.rank() == 0) expected = own;
  });
  CHECK(digest(communicator) == expected);
}

TEST_CASE("random programs give the right results over MPI") {
  ls::Mpi communicator;
  ls::testing::run_random_program(communicator, 11, 300);
  ls::MpiNative fast;
  ls::testing::run_random_program(fast, 12, 200);
}

TEST_CASE("ranks that call different things are all told what each called") {
  {
    ls::Mpi communicator;
    if (communicator.size() == 1) return;
    communicator.barrier();
    for (const std::size_t count : {std::size_t{10}, std::size_t{100'000}}) {
      ls::Mpi part = communicator.split(0, 0);
      std::vector<float> values(part.rank() == 1 ? count : 2 * count);
      const std::string text = error_of([&] { part.all_reduce(std::span<float>(values)); });
      CHECK(contains(text, "the ranks disagree about collective #1: rank 0 (host "));
      CHECK(contains(text, ls::concat(") called all_reduce<float32>(", count, ", sum)")));
      CHECK(contains(text, ls::concat(") called all_reduce<float32>(", 2 * count, ", sum)")));
      const std::string again = error_of([&] { part.barrier(); });
      CHECK(contains(again, "the communicator has failed before: mpi: the ranks disagree"));
    }
    communicator.barrier();
  }
  ls::MpiNative communicator;
  double value = 1;
  const std::string text = error_of([&] {
    if (communicator.rank() == 0) communicator.barrier();
    if (communicator.rank() != 0) communicator.broadcast(std::span<double>(&value, 1), 1);
  });
  CHECK(contains(text, ") called barrier(); rank 1 "));
  CHECK(contains(text, ") called broadcast<float64>(1, root 1)"));
}

TEST_CASE("ranks that were given different counts are told") {
  ls::Mpi world;
  ls::Mpi communicator = world.split(world.rank() < 2 ? 0 : 1, 0);
  if (world.rank() > 1 || world.size() == 1) return;
  const bool second = communicator.rank() == 1;
  const std::vector<float> input(1);
  std::vector<float> output(3);
  const std::vector<std::int64_t> counts = second ? std::vector<std::int64_t>{2, 1} : std::vector<std::int64_t>{1, 2};
  const std::string text = error_of([&] { communicator.all_gather_ragged(input, std::span<float>(output), counts); });
  CHECK(contains(text, "disagree about the counts of all_gather_ragged<float32>(3) #1"));
}

TEST_CASE("a rank that leaves early is named") {
  ls::Mpi world;
  if (world.size() == 1) return;
  ls::Mpi communicator = world.split(0, 0);
  communicator.barrier();
  std::vector<float> values(10'000);
  if (communicator.rank() == 1) {
    const ls::Mpi gone = std::move(communicator);
  } else {
    const std::string text = error_of([&] { communicator.all_reduce(std::span<float>(values)); });
    CHECK((contains(text, "rank 1 (host ") || communicator.rank() > 1));
    CHECK((contains(text, ") left after barrier() #1; this rank (") || contains(text, " reported: ")));
    CHECK(contains(text, ") was in all_reduce<float32>(10000, sum) #2"));
  }
  world.barrier();
}

TEST_CASE("a rank that ends with an exception ends the waits of the others") {
  ls::Mpi world;
  if (world.size() == 1) return;
  std::string text;
  try {
    ls::Mpi communicator = world.split(0, 0);
    std::vector<float> values(300'000);
    communicator.all_reduce(std::span<float>(values));
    if (communicator.rank() == 0) throw ls::NumericalError("the loss is not finite");
    for (;;) communicator.all_reduce(std::span<float>(values));
  } catch (const ls::Error& error) {
    text = error.what();
  }
  CHECK(contains(text, world.rank() == 0 ? "the loss is not finite" : "rank 0 ended with an exception"));
  world.barrier();
}

TEST_CASE("a rank that does not come in time is named, in collectives and messages") {
  for (const bool message : {false, true}) {
    ls::MpiOptions options;
    options.deadline = std::chrono::milliseconds(500);
    ls::Mpi world;
    ls::Mpi communicator(options);
    if (world.size() == 1) return;
    int value = 0;
    std::string text;
    world.barrier();
    if (communicator.rank() == 0) {
      text = error_of([&] {
        if (message) communicator.receive(std::span<int>(&value, 1), 1);
        communicator.barrier();
      });
      CHECK(contains(text, message ? "rank 0 waited 0.5 s in receive<int32>(1, from 1), message #1 for rank 1 (host "
                                   : "rank 0 waited 0.5 s in barrier() #1 for rank 1 (host "));
      CHECK(contains(text, "raise the communicator's deadline"));
    }
    world.barrier();  // the others come too late
    if (communicator.rank() == 1) {
      text = error_of([&] {
        communicator.barrier();  // rank 0 had come to this one
        communicator.barrier();
      });
      CHECK(contains(text, "reported: rank 0 waited 0.5 s in "));
    }
    world.barrier();
  }
}

TEST_CASE("a message is received as it was sent, or both ranks are told") {
  ls::Mpi world;
  if (world.size() == 1) return;
  ls::Mpi pair = world.split(world.rank() < 2 ? 0 : 1, 0);
  if (world.rank() < 2) {
    std::vector<float> values(5000, 1.0f);
    std::vector<double> other(5000);
    std::string text;
    if (pair.rank() == 0) {
      text = error_of([&] {
        pair.send(std::span<float>(values), 1);
        pair.barrier();
      });
    } else {
      text = error_of([&] { pair.receive(std::span<double>(other), 0); });
    }
    CHECK(contains(text, " sent send<float32>(5000, to 1) but this rank (1) called receive<float64>(5000, from 0)"));
  }
  world.barrier();
}

TEST_CASE("buffers may be freed after an error, even while they were under way") {
  ls::Mpi world;
  if (world.size() == 1) return;
  for (int i = 0; i < 5; ++i) {
    try {
      ls::Mpi communicator = world.split(0, 0);
      for (int round = 0;; ++round) {
        std::vector<float> values(400'000, 1.0f);
        auto pending = communicator.all_reduce_async(std::span<float>(values), ls::Reduction::sum);
        if (communicator.rank() == 1 && round == i) throw ls::CommunicationError("enough");
        pending.wait();
        REQUIRE(values[399'999] == static_cast<float>(world.size()));
      }
    } catch (const ls::CommunicationError&) {}
  }
  world.barrier();
}

TEST_CASE("communicators of the user are duplicated, and many can be made") {
  ls::Mpi world;
  MPI_Comm reversed = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, 0, -world.rank(), &reversed);
  {
    ls::Mpi communicator(reversed);
    MPI_Comm_free(&reversed);
    CHECK(communicator.rank() == world.size() - 1 - world.rank());
    std::int32_t one = 1;
    communicator.all_reduce(std::span<std::int32_t>(&one, 1));
    CHECK(one == world.size());
  }
  for (int i = 0; i < 100; ++i) ls::Mpi().barrier();
}

TEST_CASE("a pending result may outlive its communicator") {
  std::vector<float> values(10, 2.0f);
  ls::Mpi::Pending pending;
  {
    ls::Mpi communicator(MPI_COMM_SELF);
    pending = communicator.all_reduce_async(std::span<float>(values), ls::Reduction::sum);
  }
  CHECK_THROWS_AS(pending.wait(), ls::CommunicationError);
}

TEST_CASE("the launcher must be MPI's own") {
  ls::LaunchEnvironment environment;
  environment.launcher = "slurm";
  environment.world_size = 12;
  CHECK_THROWS_AS(ls::Mpi{environment}, ls::EnvironmentError);
}

TEST_SUITE("long") {
  TEST_CASE("what communicators take is given back") {
    for (int i = 0; i < 3000; ++i) {  // more than MPICH has numbers for at a time
      ls::Mpi communicator;
      if (i % 100 == 0) communicator.barrier();
    }
  }

  TEST_CASE("buffers longer than 31 bits can count") {
    ls::Mpi communicator;
    ls::testing::check_large(communicator);
    ls::MpiNative fast;
    ls::testing::check_large(fast);
  }
}
