#include <lockstep/comm/call/engine_communicator.hpp>
#include <lockstep/comm/threads.hpp>

#include <doctest/doctest.h>

#include <span>
#include <vector>

namespace ls = lockstep;

TEST_CASE("refused arguments send nothing: a rank that corrects itself is still in step") {
  ls::launch_threads(2, [](ls::Threads& communicator) {
    std::vector<float> input(4), output(2);
    if (communicator.rank() == 0) {
      CHECK_THROWS_AS(communicator.reduce_scatter(std::span<float>(output), std::span<float>(input)),
                      ls::ArgumentError);
      CHECK_THROWS_AS(communicator.broadcast(std::span<float>(input), 2), ls::ArgumentError);
    }
    communicator.reduce_scatter(input, std::span<float>(output));
  });
}

TEST_CASE("inputs may be writable, read-only, or vectors") {
  ls::launch_threads(1, [](ls::Threads& communicator) {
    std::vector<double> values{1, 2, 3}, result(3);
    communicator.all_gather(values, std::span<double>(result));
    communicator.all_gather(std::span<double>(values), std::span<double>(result));
    communicator.reduce_scatter(std::span<const double>(values), std::span<double>(result), ls::Reduction::max);
    CHECK(result == values);
  });
}

TEST_CASE("assignment leaves the communicator that was there") {
  ls::ThreadGroup first(1), second(2);
  ls::Threads communicator = first.communicator(0);
  ls::Threads peer = second.communicator(1);
  communicator = second.communicator(0);
  CHECK(communicator.size() == 2);
  communicator = ls::ThreadGroup(1).communicator(0);
  CHECK(communicator.size() == 1);
  CHECK_THROWS_AS(peer.barrier(), ls::CommunicationError);  // rank 0 has left
}
