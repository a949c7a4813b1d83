#include "everywhere.hpp"
#include <lockstep/comm/collectives/gather.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <span>
#include <vector>

namespace ls = lockstep;
using ls::testing::everywhere, ls::testing::Point, ls::testing::require;

TEST_CASE("gather has a result on the root, elsewhere none") {
  everywhere([](auto& communicator) {
    const int rank = communicator.rank(), root = communicator.size() - 1;
    const auto size = static_cast<std::size_t>(communicator.size());
    const std::vector<Point> points = ls::gather(communicator, std::vector<Point>(500, Point{0.5f, rank}), root);
    const std::vector<float> numbers = ls::gather(communicator, static_cast<float>(rank), root);
    auto pending = ls::gather_async(communicator, rank, root);
    const std::vector<int> mine(9, rank);
    std::vector<int> target(rank == root ? 9 * size : 0), later(target.size());
    ls::gather(communicator, mine, target, root);
    auto borrowing = ls::gather_async(communicator, mine, std::span(later), root);
    borrowing.wait();
    const std::vector<int> ranks = pending.wait();
    if (rank != root) {
      require(points.empty() && numbers.empty() && ranks.empty());
      return;
    }
    require(points.size() == 500 * size && numbers.size() == size && ranks.size() == size);
    for (std::size_t source = 0; source < size; ++source) {
      require(points[500 * source + 499] == Point{0.5f, static_cast<std::int64_t>(source)});
      require(numbers[source] == static_cast<float>(source) && ranks[source] == static_cast<int>(source));
      require(target[9 * source] == static_cast<int>(source) && later[9 * source + 8] == static_cast<int>(source));
    }
  });
}
