#include "proof.hpp"
#include <lockstep/comm/schedule/direct_all_reduce.hpp>

#include <doctest/doctest.h>

#include <cstdint>

using namespace lockstep::detail;
using lockstep::testing::for_each_task;
using lockstep::testing::part_of;
using lockstep::testing::proof;
using lockstep::testing::schedules_of;

TEST_CASE("every rank combines all inputs in the canonical tree, in one step") {
  for_each_task(Collective::all_reduce, false, [](const CollectiveTask& task) {
    CHECK(proof(task, [](const CollectivePart& part, MessageSchedule& schedule) {
            direct_all_reduce(part, schedule);
          }) == "");
  });
}

TEST_CASE("one step, size - 1 messages") {
  for (const auto& schedule : schedules_of(part_of(7, 3), direct_all_reduce)) {
    CHECK(schedule.step_count() == 1);
    CHECK(schedule.sends().size() == 6);
    CHECK(schedule.scratch_count() == 18);
  }
}
