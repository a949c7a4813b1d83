#include "everywhere.hpp"
#include <lockstep/comm/collectives/reduce.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <span>
#include <vector>

namespace ls = lockstep;
using ls::testing::everywhere, ls::testing::require;

TEST_CASE("reduce has a result on the root and leaves the others' buffers alone") {
  everywhere([](auto& communicator) {
    const int root = communicator.size() - 1, rank = communicator.rank();
    const bool is_root = rank == root;
    const auto size = static_cast<float>(communicator.size());
    std::vector<float> buffer(5000, 1.0f), later(5000, 2.0f);
    ls::reduce(communicator, buffer, root);
    require(buffer == std::vector<float>(5000, is_root ? size : 1.0f));
    const std::vector<float> input(5000, 3.0f);
    std::vector<float> output(is_root ? 5000 : 0), output_later(output.size());
    ls::reduce(communicator, input, output, root, ls::Reduction::mean);
    auto in_place = ls::reduce_async(communicator, later, root, ls::Reduction::max);
    auto borrowing = ls::reduce_async(communicator, input, std::span(output_later), root);
    auto owning = ls::reduce_async(communicator, std::vector<float>(5000, 4.0f), root);
    const std::vector<float> owned = owning.wait();
    borrowing.wait();
    in_place.wait();
    require(later == std::vector<float>(5000, 2.0f));
    require(output == std::vector<float>(output.size(), 3.0f));
    require(output_later == std::vector<float>(output.size(), 3 * size));
    require(owned == std::vector<float>(output.size(), 4 * size));
    require(ls::reduce(communicator, std::vector<float>(7, 1.0f), root) == std::vector<float>(is_root ? 7 : 0, size));
    const std::optional<int> highest = ls::reduce(communicator, rank, root, ls::Reduction::max);
    require(highest.has_value() == is_root && highest.value_or(root) == root);
  });
}
