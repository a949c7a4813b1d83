#include "everywhere.hpp"
#include <lockstep/comm/collectives/broadcast.hpp>

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace ls = lockstep;
using ls::testing::everywhere, ls::testing::Point, ls::testing::require;

TEST_CASE("broadcast of buffers, temporaries, numbers and objects") {
  everywhere([](auto& communicator) {
    const int root = communicator.size() - 1, rank = communicator.rank();
    const bool is_root = rank == root;
    std::vector<Point> points(1000, is_root ? Point{1.5f, 7} : Point{});
    ls::broadcast(communicator, points, root);
    require(points == std::vector<Point>(1000, Point{1.5f, 7}));
    std::string name = is_root ? "epoch 12" : "........";
    ls::broadcast(communicator, name, root);
    require(name == "epoch 12");
    require(ls::broadcast(communicator, std::vector<int>(3, rank), root) == std::vector<int>(3, root));
    require(ls::broadcast(communicator, Point{static_cast<float>(rank), rank}, root) ==
            Point{static_cast<float>(root), root});
    require(ls::broadcast(communicator, is_root, root));
    const int seed = rank * 100;
    require(ls::broadcast(communicator, seed, 0) == 0);
  });
}

TEST_CASE("broadcast_async") {
  everywhere([](auto& communicator) {
    const int root = communicator.size() - 1, rank = communicator.rank();
    std::vector<double> borrowed(5000, rank);
    auto first = ls::broadcast_async(communicator, borrowed, root);
    auto second = ls::broadcast_async(communicator, std::array<int, 2>{rank, rank + 1}, root);
    auto third = ls::broadcast_async(communicator, Point{0.5f, rank}, root);
    require(third.wait() == Point{0.5f, root});
    require(second.wait() == std::array<int, 2>{root, root + 1});
    first.wait();
    require(borrowed == std::vector<double>(5000, root));
  });
}
