#include "proof.hpp"
#include <lockstep/comm/schedule/barrier.hpp>

#include <doctest/doctest.h>

#include <cstdint>

using namespace lockstep::detail;
using lockstep::testing::elements_sent;
using lockstep::testing::for_each_task;
using lockstep::testing::part_of;
using lockstep::testing::proof;
using lockstep::testing::schedules_of;

TEST_CASE("nobody passes before all have come") {
  for_each_task(Collective::barrier, false, [](const CollectiveTask& task) {
    CHECK(proof(task, [](const CollectivePart& part, MessageSchedule& schedule) {
            dissemination_barrier(part, schedule);
          }) == "");
  });
}

TEST_CASE("as many steps as the tree is high") {
  for (int size = 1; size < 40; ++size) {
    for (const auto& schedule : schedules_of(part_of(size, 0), dissemination_barrier)) {
      CHECK(static_cast<int>(schedule.step_count()) == tree_height(size));
      CHECK(elements_sent(schedule) == 0);
    }
  }
}
