#include "everywhere.hpp"
#include <lockstep/comm/collectives/receive.hpp>
#include <lockstep/comm/collectives/send.hpp>

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace ls = lockstep;
using ls::testing::everywhere, ls::testing::Point, ls::testing::require, ls::testing::thrown;

TEST_CASE("send takes buffers, numbers and objects") {
  everywhere([](auto& communicator) {
    if (communicator.size() == 1) {
      require(thrown<ls::ArgumentError>([&] { ls::send(communicator, 1.0f, 0); }).starts_with("send: "));
      return;
    }
    const std::vector<float> values(20'000, 2.5f);
    const std::string name = "weights";
    if (communicator.rank() == 0) {
      ls::send(communicator, values, 1);
      ls::send(communicator, Point{1.5f, 3}, 1);
      ls::send(communicator, name, 1);
      ls::send(communicator, 7, 1);
    } else if (communicator.rank() == 1) {
      std::vector<float> received(values.size());
      ls::receive(communicator, received, 0);
      require(received == values);
      require(ls::receive<Point>(communicator, 0) == Point{1.5f, 3});
      std::array<char, 7> text;
      ls::receive(communicator, text, 0);
      require(std::string(text.data(), text.size()) == name);
      require(ls::receive<int>(communicator, 0) == 7);
    }
  });
}

TEST_CASE("send_async borrows what has a name and owns what has not") {
  everywhere([](auto& communicator) {
    const int size = communicator.size(), rank = communicator.rank();
    if (size == 1) return;
    const int right = (rank + 1) % size, left = (rank + size - 1) % size;
    const std::vector<int> mine(9000, rank);
    auto borrowing = ls::send_async(communicator, mine, right);
    auto owning = ls::send_async(communicator, std::vector<int>(9000, rank + 1), right);
    const Point point{0.5f, rank};
    auto of_object = ls::send_async(communicator, point, right);
    std::vector<int> first(9000), second(9000);
    ls::receive(communicator, first, left);
    ls::receive(communicator, second, left);
    require(ls::receive<Point>(communicator, left) == Point{0.5f, left});
    require(of_object.wait() == point);
    require(owning.wait() == std::vector<int>(9000, rank + 1));
    borrowing.wait();
    require(first == std::vector<int>(9000, left) && second == std::vector<int>(9000, left + 1));
  });
}
