#include <lockstep/accelerator/gather.hpp>
#include <lockstep/comm/threads.hpp>

#include <doctest/doctest.h>

using namespace lockstep;

TEST_CASE("gather joins along the first dimension; empty parts are fine") {
  launch_threads(3, [](Threads communicator) {
    const std::int64_t rows = communicator.rank() == 1 ? 0 : 2;
    const auto mine = Tensor<std::int32_t>::full({rows, 3}, communicator.rank());
    const auto all = detail::gather(communicator, mine.view());
    CHECK(all.shape() == Shape{4, 3});
    for (std::int64_t i = 0; i < 12; ++i) CHECK(all[i] == (i < 6 ? 0 : 2));
  });
}

TEST_CASE("rows without padding are the first valid ones of a whole batch") {
  const auto tensor = Tensor<float>::from({3, 1}, {1, 2, 3});
  CHECK(detail::without_padding(tensor.view(), 3, 2).shape == Shape{2, 1});
  CHECK_THROWS_WITH_AS(detail::without_padding(tensor.view(), 4, 2), doctest::Contains("[3, 1]"), ShapeError);
}
