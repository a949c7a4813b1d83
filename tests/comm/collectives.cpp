#include "collectives/everywhere.hpp"
#include <lockstep/comm/collectives.hpp>

#include <doctest/doctest.h>

#include <utility>
#include <vector>

namespace ls = lockstep;

namespace {

struct Settings {
  int layers = 0;
  float learning_rate = 0;
};

}  // namespace

TEST_CASE("the page's examples do what it says, mixed with calls of the members") {
  ls::testing::everywhere([](auto& communicator) {
    using ls::testing::require;
    const auto size = static_cast<float>(communicator.size());
    std::vector<float> gradients(10, 1.0f), values(10, 2.0f);
    const std::vector<double> mine(4, communicator.rank());
    const float loss = 0.5f;

    ls::all_reduce(communicator, gradients);
    const float total = ls::all_reduce(communicator, loss);
    communicator.barrier();
    const std::vector<float> sums = ls::all_reduce(communicator, std::move(values));
    const Settings settings =
        ls::broadcast(communicator, communicator.rank() == 0 ? Settings{12, 0.1f} : Settings{}, 0);
    std::vector<double> all = ls::all_gather(communicator, mine);
    ls::all_gather(communicator, mine, all);
    auto pending = ls::all_reduce_async(communicator, std::vector<float>(gradients));
    communicator.all_reduce(std::span<float>(gradients), ls::Reduction::mean);
    require(pending.wait() == std::vector<float>(10, size * size));

    require(gradients[9] == size && total == 0.5f * size && sums[9] == 2 * size);
    require(settings.layers == 12 && settings.learning_rate == 0.1f);
    require(all.size() == 4 * static_cast<std::size_t>(communicator.size()) && all.back() == double{size} - 1);
  });
}
