#include "everywhere.hpp"
#include <lockstep/comm/collectives/scatter.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <span>
#include <vector>

namespace ls = lockstep;
using ls::testing::everywhere, ls::testing::Point, ls::testing::require, ls::testing::thrown;

TEST_CASE("scatter cuts the root's buffer; the others learn its length") {
  everywhere([](auto& communicator) {
    const int rank = communicator.rank(), root = communicator.size() - 1;
    const auto size = static_cast<std::size_t>(communicator.size());
    std::vector<Point> points;
    if (rank == root) {
      for (std::size_t i = 0; i < 700 * size; ++i) points.push_back({1.0f, static_cast<std::int64_t>(i)});
    }
    const std::vector<Point> piece = ls::scatter(communicator, points, root);
    auto pending = ls::scatter_async(communicator, std::vector<Point>(points), root);
    std::vector<Point> target(700), later(700);
    ls::scatter(communicator, points, target, root);
    auto borrowing = ls::scatter_async(communicator, points, std::span(later), root);
    borrowing.wait();
    require(piece.size() == 700);
    for (std::size_t i = 0; i < 700; ++i) {
      require(piece[i] == Point{1.0f, static_cast<std::int64_t>(700 * static_cast<std::size_t>(rank) + i)});
    }
    require(pending.wait() == piece && target == piece && later == piece);
  });
}

TEST_CASE("every rank is told that a buffer cannot be cut") {
  everywhere([](auto& communicator) {
    if (communicator.size() == 1) return;
    const std::vector<int> values(static_cast<std::size_t>(communicator.rank() == 0 ? 2 * communicator.size() + 1 : 0));
    const auto text = thrown<ls::ArgumentError>([&] { static_cast<void>(ls::scatter(communicator, values, 0)); });
    require(text.find("scatter: ") == 0 && text.find("cannot be cut into equal pieces") != std::string::npos);
    communicator.barrier();
  });
}
