#include "everywhere.hpp"
#include <lockstep/comm/collectives/receive.hpp>
#include <lockstep/comm/collectives/send.hpp>

#include <doctest/doctest.h>

#include <span>
#include <utility>
#include <vector>

namespace ls = lockstep;
using ls::testing::everywhere, ls::testing::Point, ls::testing::require, ls::testing::thrown;

TEST_CASE("receive_async into a buffer, into a temporary, and of an object") {
  everywhere([](auto& communicator) {
    const int size = communicator.size(), rank = communicator.rank();
    if (size == 1) {
      require(thrown<ls::ArgumentError>([&] {
                static_cast<void>(ls::receive<int>(communicator, 0));
              }).starts_with("receive: "));
      return;
    }
    const int right = (rank + 1) % size, left = (rank + size - 1) % size;
    std::vector<double> borrowed(3000);
    auto first = ls::receive_async(communicator, std::span(borrowed), left);
    auto second = ls::receive_async(communicator, std::vector<double>(3000), left);
    auto third = ls::receive_async<Point>(communicator, left);
    ls::send(communicator, std::vector<double>(3000, rank), right);
    ls::send(communicator, std::vector<double>(3000, rank + 0.5), right);
    ls::send(communicator, Point{1.0f, rank}, right);
    require(third.wait() == Point{1.0f, left});
    require(second.wait() == std::vector<double>(3000, left + 0.5));
    first.wait();
    require(borrowed == std::vector<double>(3000, left));
  });
}
