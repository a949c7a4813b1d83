#include "everywhere.hpp"
#include <lockstep/comm/collectives/all_reduce.hpp>
#include <lockstep/tensor/tensor.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace ls = lockstep;
using ls::testing::everywhere, ls::testing::require, ls::testing::thrown;

TEST_CASE("all_reduce changes what has a name and every view in place") {
  everywhere([](auto& communicator) {
    const auto size = static_cast<float>(communicator.size());
    std::vector<float> vector(5000, 1.0f);
    ls::all_reduce(communicator, vector);
    require(vector == std::vector<float>(5000, size));
    ls::all_reduce(communicator, std::span(vector).first(1), ls::Reduction::mean);
    require(vector[0] == size);
    std::array<double, 2> array{1, static_cast<double>(communicator.rank())};
    ls::all_reduce(communicator, array, ls::Reduction::max);
    require(array[1] == double{size} - 1);
    std::int32_t plain[3] = {1, 2, 3};
    ls::all_reduce(communicator, plain);
    require(plain[2] == 3 * communicator.size());
    auto tensor = ls::Tensor<float>::full(ls::Shape{2, 3}, 2.0f);
    ls::all_reduce(communicator, tensor);
    ls::all_reduce(communicator, tensor.view().rows(1, 2), ls::Reduction::min);
    require(tensor[0] == 2 * size && tensor[5] == 2 * size);
    std::vector<float> nothing;
    ls::all_reduce(communicator, nothing);
  });
}

TEST_CASE("all_reduce returns temporaries and numbers") {
  everywhere([](auto& communicator) {
    const auto size = static_cast<float>(communicator.size());
    const float loss = 3.5f;
    const float total = ls::all_reduce(communicator, loss);
    require(total == 3.5f * size && loss == 3.5f);
    require(ls::all_reduce(communicator, communicator.rank(), ls::Reduction::max) == communicator.size() - 1);
    std::vector<float> values(10, 1.0f);
    const float* memory = values.data();
    const std::vector<float> sums = ls::all_reduce(communicator, std::move(values));
    require(sums[9] == size && sums.data() == memory);
    require(ls::all_reduce(communicator, std::array<float, 2>{1, 2})[1] == 2 * size);
    require(ls::all_reduce(communicator, ls::Tensor<float>::full(ls::Shape{2}, 1.0f))[1] == size);
    require(thrown<ls::ArgumentError>([&] {
              static_cast<void>(ls::all_reduce(communicator, 1, ls::Reduction::mean));
            }).find("the mean of integers") != std::string::npos);
  });
}

TEST_CASE("all_reduce_async borrows what has a name and owns what has not") {
  everywhere([](auto& communicator) {
    const auto size = static_cast<float>(communicator.size());
    std::vector<float> borrowed(3000, 1.0f);
    auto first = ls::all_reduce_async(communicator, borrowed);
    auto second = ls::all_reduce_async(communicator, std::vector<float>(3000, 2.0f));
    auto third = ls::all_reduce_async(communicator, 4.0f, ls::Reduction::mean);
    auto fourth = ls::all_reduce_async(communicator, std::array<float, 3>{1, 2, 3});
    require(fourth.wait()[2] == 3 * size);
    require(third.wait() == 4.0f);
    const std::vector<float> sums = second.wait();
    require(sums == std::vector<float>(3000, 2 * size));
    first.wait();
    require(borrowed == std::vector<float>(3000, size));
  });
}
