#include "everywhere.hpp"
#include <lockstep/comm/collectives/all_gather_ragged.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ls = lockstep;
using ls::testing::everywhere, ls::testing::Point, ls::testing::require;

TEST_CASE("all_gather_ragged learns the lengths and returns them") {
  everywhere([](auto& communicator) {
    const int rank = communicator.rank(), size = communicator.size();
    const std::vector<float> mine(static_cast<std::size_t>(rank) * 1000, static_cast<float>(rank));
    const ls::Ragged<float> all = ls::all_gather_ragged(communicator, mine);
    const ls::Ragged<Point> points =
        ls::all_gather_ragged(communicator, std::vector<Point>(static_cast<std::size_t>(rank + 1), Point{2.0f, rank}));
    const ls::Ragged<char> names = ls::all_gather_ragged(communicator, "rank " + std::to_string(rank * 50));
    auto pending = ls::all_gather_ragged_async(communicator, std::vector<Point>(mine.size(), Point{1.0f, rank}));
    auto borrowing = ls::all_gather_ragged_async(communicator, mine);
    const ls::Ragged<Point> later = pending.wait();
    require(borrowing.wait().values == all.values);
    require(all.counts.size() == static_cast<std::size_t>(size));
    for (int source = 0; source < size; ++source) {
      const auto index = static_cast<std::size_t>(source);
      require(all.counts[index] == source * 1000 && all.of(source).size() == index * 1000);
      for (const float value : all.of(source)) require(value == static_cast<float>(source));
      require(points.counts[index] == source + 1 && points.of(source).back() == Point{2.0f, source});
      require(std::string(names.of(source).begin(), names.of(source).end()) == "rank " + std::to_string(source * 50));
      for (const Point& point : later.of(source)) require(point == Point{1.0f, source});
    }
  });
}
