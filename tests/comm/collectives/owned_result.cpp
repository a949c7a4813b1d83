#include "everywhere.hpp"
#include <lockstep/comm/collectives/all_reduce.hpp>
#include <lockstep/comm/collectives/owned_result.hpp>

#include <doctest/doctest.h>

#include <array>
#include <utility>
#include <vector>

namespace ls = lockstep;
using ls::testing::everywhere, ls::testing::require, ls::testing::thrown;

TEST_CASE("what is kept does not move in memory") {
  std::array<float, 3> array{1, 2, 3};
  ls::detail::Kept kept(std::move(array));
  const float* address = kept.wire().data();
  auto moved = std::move(kept);
  CHECK(moved.wire().data() == address);
  CHECK(moved.take()[2] == 3);

  ls::detail::Kept vector(std::vector<double>{1, 2});
  const double* first = vector.wire().data();
  auto vector_moved = std::move(vector);
  CHECK(vector_moved.wire().data() == first);
  CHECK(vector_moved.take().data() == first);
  ls::detail::Kept flag(true);
  CHECK(flag.wire().size() == 1);
}

TEST_CASE("the result can be moved while it is pending, is given once, and the destructor waits") {
  everywhere([](auto& communicator) {
    const auto size = static_cast<float>(communicator.size());
    auto first = ls::all_reduce_async(communicator, std::vector<float>(70'001, 1.0f));
    auto second = ls::all_reduce_async(communicator, std::vector<float>(5, 2.0f));
    auto moved = std::move(first);
    require(moved.wait() == std::vector<float>(70'001, size));
    require(thrown<ls::ArgumentError>([&] { static_cast<void>(moved.wait()); }).starts_with("OwnedResult: wait"));
    { auto dropped = ls::all_reduce_async(communicator, std::vector<float>(70'001, 1.0f)); }
    moved = ls::all_reduce_async(communicator, std::vector<float>(30'000, 1.0f));
    moved = std::move(second);  // what was pending before ends first
    while (!moved.test()) {}
    require(moved.wait() == std::vector<float>(5, 2 * size));
  });
}
