#include "proof.hpp"
#include <lockstep/comm/schedule/all_to_all.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

using namespace lockstep::detail;
using lockstep::testing::for_each_task;
using lockstep::testing::part_of;
using lockstep::testing::proof;
using lockstep::testing::schedules_of;

TEST_CASE("every piece comes to its receiver") {
  for_each_task(Collective::all_to_all, false, [](const CollectiveTask& task) {
    CHECK(proof(task, [](const CollectivePart& part, MessageSchedule& schedule) {
            direct_all_to_all(part, schedule);
          }) == "");
  });
}

TEST_CASE("by way of others, too") {
  for_each_task(Collective::all_to_all, false,
                [](const CollectiveTask& task) { CHECK(proof(task, disseminating_all_to_all) == ""); });
  for (const auto& schedule : schedules_of(part_of(33, 2), disseminating_all_to_all)) {
    CHECK(schedule.sends().size() == 6);
  }
}

TEST_CASE("no two ranks send to the same rank at the same place of their lists") {
  const auto schedules = schedules_of(part_of(9, 1), direct_all_to_all);
  for (std::size_t message = 0; message < 8; ++message) {
    std::vector<int> receivers(9, 0);
    for (const auto& schedule : schedules) ++receivers[static_cast<std::size_t>(schedule.sends()[message].peer)];
    for (const int senders : receivers) CHECK(senders == 1);
  }
}
