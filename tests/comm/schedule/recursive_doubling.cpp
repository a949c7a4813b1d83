#include "proof.hpp"
#include <lockstep/comm/schedule/recursive_doubling.hpp>

#include <doctest/doctest.h>

#include <cstdint>

using namespace lockstep::detail;
using lockstep::testing::for_each_task;
using lockstep::testing::proof;
using lockstep::testing::schedules_of;

namespace {

CollectivePart part_of(int size, std::uint64_t count) {
  CollectivePart part;
  part.size = size;
  part.count = count;
  part.element = 64;
  return part;
}

}  // namespace

TEST_CASE("recursive doubling has the canonical order for any number of ranks") {
  for_each_task(Collective::all_reduce, false, [](const CollectiveTask& task) {
    CHECK(proof(task, [](const CollectivePart& part, MessageSchedule& schedule) {
            recursive_doubling_all_reduce(part, schedule);
          }) == "");
  });
}

TEST_CASE("no rank has more steps than the tree is high") {
  for (int size = 1; size <= 70; ++size) {
    for (const auto& schedule : schedules_of(part_of(size, 2), recursive_doubling_all_reduce)) {
      CHECK(static_cast<int>(schedule.step_count()) <= tree_height(size));
      CHECK(schedule.scratch_count() <= 2);
    }
  }
}
