#include <lockstep/comm/call/split_plan.hpp>
#include <lockstep/comm/threads.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

namespace ls = lockstep;

TEST_CASE("members of a color are in the order of their keys, equal keys in that of their ranks") {
  const std::vector<std::int32_t> list{1, 5, 0, 0, 1, -2, 1, 5, 0, 0, 1, 3};
  const ls::detail::SplitPlan plan = ls::detail::plan_split(list, 3);
  CHECK(plan.members == std::vector<int>{2, 5, 0, 3});
  CHECK(plan.rank == 3);
  const ls::detail::SplitPlan other = ls::detail::plan_split(list, 4);
  CHECK(other.members == std::vector<int>{1, 4});
  CHECK(other.rank == 1);
}

TEST_CASE("a negative color is refused") {
  ls::launch_threads(1, [](ls::Threads& communicator) {
    CHECK_THROWS_WITH_AS(ls::detail::exchange_split(communicator, -1, 0), "split: color must not be negative, got -1",
                         ls::ArgumentError);
  });
}
