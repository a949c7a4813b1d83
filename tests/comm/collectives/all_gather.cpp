#include "everywhere.hpp"
#include <lockstep/comm/collectives/all_gather.hpp>
#include <lockstep/tensor/tensor.hpp>

#include <doctest/doctest.h>

#include <span>
#include <utility>
#include <vector>

namespace ls = lockstep;
using ls::testing::everywhere, ls::testing::Point, ls::testing::require, ls::testing::thrown;

TEST_CASE("all_gather returns everybody's elements in rank order") {
  everywhere([](auto& communicator) {
    const int rank = communicator.rank(), size = communicator.size();
    const std::vector<int> mine{rank, -rank};
    const std::vector<int> all = ls::all_gather(communicator, mine);
    const std::vector<Point> points = ls::all_gather(communicator, Point{0.5f, rank});
    const std::vector<float> ranks = ls::all_gather(communicator, static_cast<float>(rank));
    const auto rows = ls::all_gather(communicator, ls::Tensor<float>::full(ls::Shape{2, 2}, static_cast<float>(rank)));
    std::vector<int> own(all.size());
    ls::all_gather(communicator, mine, own);
    ls::all_gather(communicator, rank, std::span(own).first(ranks.size()));
    require(all.size() == static_cast<std::size_t>(2 * size) && rows.size() == static_cast<std::size_t>(4 * size));
    for (int source = 0; source < size; ++source) {
      const auto index = static_cast<std::size_t>(source);
      require(all[2 * index] == source && all[2 * index + 1] == -source);
      require(points[index] == Point{0.5f, source});
      require(ranks[index] == static_cast<float>(source) && rows[4 * index + 3] == static_cast<float>(source));
      require(own[index] == source);
    }
    require(ls::all_gather(communicator, std::vector<Point>()).empty());
    std::vector<int> wrong(all.size() + 1);
    require(thrown<ls::ArgumentError>([&] { ls::all_gather(communicator, mine, wrong); }).starts_with("all_gather"));
  });
}

TEST_CASE("all_gather_async owns its result, and inputs that have no name") {
  everywhere([](auto& communicator) {
    const int rank = communicator.rank(), last = communicator.size() - 1;
    std::vector<Point> mine(3000, Point{1.0f, rank});
    std::vector<Point> target(3000 * static_cast<std::size_t>(last + 1));
    auto first = ls::all_gather_async(communicator, mine);
    auto second = ls::all_gather_async(communicator, std::vector<double>(3000, rank));
    auto third = ls::all_gather_async(communicator, rank);
    auto fourth = ls::all_gather_async(communicator, std::span<const Point>(mine), target);
    auto moved = std::move(second);
    require(third.wait().back() == last);
    require(moved.wait().back() == last);
    require(first.wait().back() == Point{1.0f, last});
    fourth.wait();
    require(target.front() == Point{1.0f, 0} && target.back() == Point{1.0f, last});
  });
}
