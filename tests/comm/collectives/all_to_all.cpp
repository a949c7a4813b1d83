#include "everywhere.hpp"
#include <lockstep/comm/collectives/all_to_all.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <span>
#include <vector>

namespace ls = lockstep;
using ls::testing::everywhere, ls::testing::Point, ls::testing::require, ls::testing::thrown;

TEST_CASE("all_to_all exchanges pieces") {
  everywhere([](auto& communicator) {
    const int rank = communicator.rank(), size = communicator.size();
    std::vector<Point> points;
    std::vector<float> numbers;
    for (int peer = 0; peer < size; ++peer) {
      points.insert(points.end(), 300, Point{static_cast<float>(rank), peer});
      numbers.push_back(static_cast<float>(10 * rank + peer));
    }
    const std::vector<Point> received = ls::all_to_all(communicator, points);
    auto pending = ls::all_to_all_async(communicator, std::vector<float>(numbers));
    std::vector<float> target(numbers.size()), later(numbers.size());
    ls::all_to_all(communicator, numbers, target);
    auto borrowing = ls::all_to_all_async(communicator, numbers, std::span(later));
    borrowing.wait();
    require(pending.wait() == target && later == target);
    for (int source = 0; source < size; ++source) {
      const auto index = static_cast<std::size_t>(source);
      require(received[300 * index] == Point{static_cast<float>(source), rank});
      require(received[300 * index + 299] == Point{static_cast<float>(source), rank});
      require(target[index] == static_cast<float>(10 * source + rank));
    }
  });
}

TEST_CASE("objects are not cut in the middle") {
  everywhere([](auto& communicator) {
    if (communicator.size() != 2) return;
    const std::vector<Point> three(3);  // their bytes could be halved
    std::vector<Point> target(3);
    const char* text = "all_to_all: 3 elements cannot be cut";
    require(
        thrown<ls::ArgumentError>([&] { static_cast<void>(ls::all_to_all(communicator, three)); }).starts_with(text));
    require(thrown<ls::ArgumentError>([&] { ls::all_to_all(communicator, three, target); }).starts_with(text));
    require(thrown<ls::ArgumentError>([&] {
              static_cast<void>(ls::all_to_all_async(communicator, three, target));
            }).starts_with(text));
  });
}
