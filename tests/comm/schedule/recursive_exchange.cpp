#include "proof.hpp"
#include <lockstep/comm/schedule/recursive_exchange.hpp>

#include <doctest/doctest.h>

#include <cstdint>

using namespace lockstep::detail;
using lockstep::testing::for_each_task;
using lockstep::testing::part_of;
using lockstep::testing::proof;
using lockstep::testing::schedules_of;

TEST_CASE("exchange in groups of 2, 4 and 8 has the canonical order for any number of ranks") {
  for_each_task(Collective::all_reduce, false, [](const CollectiveTask& task) {
    for (const int radix : {2, 4, 8}) {
      CHECK(proof(task, [=](const CollectivePart& part, MessageSchedule& schedule) {
              recursive_all_reduce(part, radix, schedule);
            }) == "");
    }
  });
}

TEST_CASE("no rank has more steps than the tree is high") {
  for (int size = 1; size <= 70; ++size) {
    for (const int radix : {2, 4, 8}) {
      for (const auto& schedule : schedules_of(part_of(size, 2), [=](const CollectivePart&part, MessageSchedule&to) {
             recursive_all_reduce(part, radix, to);
           })) {
        const int bits = tree_height(radix);
        CHECK(static_cast<int>(schedule.step_count()) <= (tree_height(size) + bits - 1) / bits);
        CHECK(schedule.scratch_count() <= 2 * static_cast<std::uint64_t>(radix - 1));
      }
    }
  }
}

TEST_CASE("members may be any ranks, and hold nodes of the tree") {
  CollectiveTask task;
  task.collective = Collective::all_reduce;
  task.part = part_of(5, 1);
  CHECK(proof(task, [](const CollectivePart& part, MessageSchedule& schedule) {
          const auto turned = [](int member) { return 4 - member; };
          recursive_exchange(5, 4 - part.rank, 2, output_at(0), part.count, 1, turned, schedule);
        }).find("takes ((4 3)") == std::string::npos);
  CHECK(proof(task, [](const CollectivePart& part, MessageSchedule& schedule) {
          const auto turned = [](int member) { return 4 - member; };
          recursive_exchange(5, 4 - part.rank, 2, output_at(0), part.count, 1, turned, schedule);
        }) != "");
}
