#include "random_program.hpp"
#include <lockstep/comm/hierarchical.hpp>
#include <lockstep/comm/threads.hpp>
#include <lockstep/testing/communicator.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ls = lockstep;

namespace {

using Hosts = ls::Hierarchical<ls::Threads, ls::Threads>;
static_assert(ls::Communicator<Hosts>);

/// Runs `function(communicator)` on threads that are dealt out to hosts: `sizes[h]` ranks on host h.
template <class Function>
void run_hosts(const std::vector<int>& sizes, Function function) {
  std::vector<int> host_of, local_rank_of;
  for (std::size_t host = 0; host < sizes.size(); ++host) {
    for (int rank = 0; rank < sizes[host]; ++rank) {
      host_of.push_back(static_cast<int>(host));
      local_rank_of.push_back(rank);
    }
  }
  std::vector<ls::ThreadGroup> groups;
  for (const int size : sizes) groups.emplace_back(size);
  ls::launch_threads(static_cast<int>(host_of.size()), [&](ls::Threads world) {
    const auto rank = static_cast<std::size_t>(world.rank());
    ls::Threads local = groups[static_cast<std::size_t>(host_of[rank])].communicator(local_rank_of[rank]);
    Hosts communicator(std::move(local), std::move(world));
    function(communicator);
  });
}

}  // namespace

TEST_CASE("a hierarchy of any shape passes the conformance suite, in the canonical order") {
  for (const std::vector<int>& sizes : {std::vector<int>{1}, {1, 1}, {2, 2}, {2, 2, 2}, {3, 3}, {1, 2}, {4, 4}}) {
    CAPTURE(sizes.size());
    CAPTURE(sizes[0]);
    run_hosts(sizes, [](Hosts& communicator) {
      ls::testing::check_communicator(communicator);
      ls::testing::check_canonical_order(communicator);
    });
  }
}

TEST_CASE("on one host there is no world") {
  ls::launch_threads(3, [](ls::Threads local) {
    Hosts communicator(std::move(local), std::nullopt);
    CHECK(communicator.hosts() == 1);
    ls::testing::check_communicator(communicator);
    ls::testing::check_canonical_order(communicator);
  });
}

TEST_CASE("buffers longer than the pipeline's chunks, of lengths that do not divide, keep the canonical order") {
  for (const std::size_t count : {std::size_t{1'048'577}, std::size_t{2'000'003}, std::size_t{4099}}) {
    std::vector<float> flat(count), staged(count);
    const auto fill = [&](std::vector<float>& values, int rank) {
      for (std::size_t i = 0; i < count; ++i) values[i] = ls::testing::detail::fraction(rank, i);
    };
    ls::launch_threads(4, [&](ls::Threads& communicator) {
      std::vector<float> values(count);
      fill(values, communicator.rank());
      communicator.all_reduce(std::span<float>(values), ls::Reduction::mean);
      if (communicator.rank() == 3) flat = values;
    });
    run_hosts({2, 2}, [&](Hosts& communicator) {
      std::vector<float> values(count);
      fill(values, communicator.rank());
      std::vector<float> told = values;
      communicator.all_reduce(std::span<float>(values), ls::Reduction::mean);
      communicator.broadcast(std::span<float>(told), 2);
      std::vector<float> expected(count);
      fill(expected, 2);
      if (told != expected) throw ls::Error("broadcast differs");
      if (communicator.rank() == 3) staged = values;
    });
    CHECK(flat == staged);
  }
}

TEST_CASE("random programs run on two hosts") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    run_hosts({2, 2}, [&](Hosts& communicator) { ls::testing::run_random_program(communicator, seed, 150); });
  }
}

TEST_CASE("the survivors of a failure go on together") {
  try {
    run_hosts({2, 2}, [](Hosts& communicator) {
      communicator.barrier();
      if (communicator.rank() == 3) throw ls::Error("rank 3 gives up");
      try {
        for (;;) communicator.barrier();
      } catch (const ls::CommunicationError&) {}
      Hosts survivors = communicator.rebuild();
      std::vector<float> values(10'000, static_cast<float>(communicator.rank()));
      survivors.all_reduce(std::span<float>(values));
      if (survivors.size() != 3 || values[9999] != 3) throw ls::Error("the survivors do not work together");
    });
    FAIL("no error");
  } catch (const ls::Error& error) {
    CHECK(std::string(error.what()) == "rank 3 gives up");
  }
}

TEST_CASE("a failure inside one host ends the waits of the others, and its text arrives") {
  std::vector<std::string> texts(4);
  try {
    run_hosts({2, 2}, [&](Hosts& communicator) {
      const int rank = communicator.rank();
      std::vector<float> values(rank == 1 ? 200'000 : 100'000);
      communicator.barrier();
      try {
        communicator.all_reduce(std::span<float>(values));
      } catch (const ls::CommunicationError& error) {
        texts[static_cast<std::size_t>(rank)] = error.what();
        CHECK_THROWS_AS(communicator.barrier(), ls::CommunicationError);
        throw;
      }
    });
    FAIL("no error");
  } catch (const ls::CommunicationError&) {}
  for (const std::string& text : texts) {
    CAPTURE(text);
    CHECK(text.find("the ranks disagree about collective") != std::string::npos);
    CHECK(text.find("rank 1 called reduce_scatter<float32>(100000, sum)") != std::string::npos);
  }
}
