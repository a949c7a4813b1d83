#include <lockstep/comm/cluster/hierarchy_engine.hpp>
#include <lockstep/comm/hierarchical.hpp>
#include <lockstep/comm/threads.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace ls = lockstep;

using Hosts = ls::Hierarchical<ls::Threads, ls::Threads>;
static_assert(ls::detail::CollectiveEngine<ls::detail::HierarchyEngine<ls::Threads, ls::Threads>>);

namespace {

/// Two hosts of two ranks.
template <class Function>
void run_four(Function function) {
  ls::ThreadGroup first(2), second(2);
  ls::launch_threads(4, [&](ls::Threads world) {
    const int rank = world.rank();
    ls::Threads local = (rank < 2 ? first : second).communicator(rank % 2);
    Hosts communicator(std::move(local), std::move(world));
    function(communicator);
  });
}

}  // namespace

TEST_CASE("more operations than fit may be started, long and short, and are waited for in any order") {
  run_four([](Hosts& communicator) {
    constexpr std::size_t operations = 80;
    std::vector<std::vector<float>> buffers;
    std::vector<Hosts::Pending> pending;
    for (std::size_t i = 0; i < operations; ++i) buffers.emplace_back(i % 5 == 0 ? 20'000 + i : i, 1.0f);
    for (std::size_t i = 0; i < operations; ++i) {
      const std::span<float> buffer(buffers[i]);
      pending.push_back(i % 3 == 0 ? communicator.broadcast_async(buffer, 2)
                                   : communicator.all_reduce_async(buffer, ls::Reduction::sum));
    }
    for (std::size_t i = operations; i-- > 0;) {
      pending[i].wait();
      for (const float value : buffers[i]) {
        if (value != (i % 3 == 0 ? 1.0f : 4.0f)) throw ls::Error(ls::concat("buffer ", i, " holds ", value));
      }
    }
  });
}

TEST_CASE("polling alone completes a staged call") {
  run_four([](Hosts& communicator) {
    std::vector<float> values(700'001, 1.0f);
    Hosts::Pending pending = communicator.all_reduce_async(std::span<float>(values), ls::Reduction::mean);
    const ls::Deadline deadline = ls::Deadline::after(std::chrono::seconds(60));
    while (!pending.test()) {
      if (deadline.passed()) throw ls::Error("test() has said false for 60 s");
    }
    for (const float value : values) {
      if (value != 1.0f) throw ls::Error(ls::concat("got ", value));
    }
  });
}

TEST_CASE("a rank that leaves with operations pending tells the others so") {
  try {
    run_four([](Hosts& communicator) {
      std::vector<float> values(100);
      if (communicator.rank() == 3) {
        Hosts::Pending pending = communicator.all_reduce_async(std::span<float>(values), ls::Reduction::sum);
        Hosts gone = std::move(communicator);
        { Hosts ended = std::move(gone); }
        return;
      }
      communicator.barrier();
      communicator.all_reduce(std::span<float>(values));
    });
    FAIL("no error");
  } catch (const ls::CommunicationError& error) {
    CAPTURE(error.what());
    const bool told = std::string(error.what()).find("pending") != std::string::npos ||
                      std::string(error.what()).find("disagree") != std::string::npos;
    CHECK(told);
  }
}
