#include "everywhere.hpp"
#include <lockstep/comm/collectives/reduce_scatter.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <span>
#include <vector>

namespace ls = lockstep;
using ls::testing::everywhere, ls::testing::require, ls::testing::thrown;

TEST_CASE("reduce_scatter gives each rank its piece") {
  everywhere([](auto& communicator) {
    const auto size = static_cast<std::size_t>(communicator.size()),
               rank = static_cast<std::size_t>(communicator.rank());
    std::vector<double> input(size * 1000);
    for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<double>(i);
    const std::vector<double> piece = ls::reduce_scatter(communicator, input, ls::Reduction::mean);
    auto pending = ls::reduce_scatter_async(communicator, std::vector<double>(input));
    auto from_name = ls::reduce_scatter_async(communicator, input, ls::Reduction::max);
    std::vector<double> target(1000), later(1000);
    ls::reduce_scatter(communicator, input, target, ls::Reduction::min);
    auto borrowing = ls::reduce_scatter_async(communicator, input, std::span(later), ls::Reduction::min);
    borrowing.wait();
    const std::vector<double> sums = pending.wait(), largest = from_name.wait();
    require(piece.size() == 1000 && sums.size() == 1000);
    for (std::size_t i = 0; i < 1000; ++i) {
      const auto value = static_cast<double>(rank * 1000 + i);
      require(sums[i] == value * static_cast<double>(size) && largest[i] == value);
      require(target[i] == value && later[i] == value);
      require(piece[i] > value - 1e-9 && piece[i] < value + 1e-9);
    }
    if (size > 1) {
      input.push_back(0);
      require(thrown<ls::ArgumentError>([&] {
                static_cast<void>(ls::reduce_scatter(communicator, input));
              }).find("cannot be cut") != std::string::npos);
    }
  });
}
