#include "proof.hpp"
#include <lockstep/comm/schedule/reduce.hpp>

#include <doctest/doctest.h>

#include <cstdint>

using namespace lockstep::detail;
using lockstep::testing::for_each_task;
using lockstep::testing::part_of;
using lockstep::testing::proof;
using lockstep::testing::schedules_of;

TEST_CASE("up the tree: the canonical order whichever rank is the root") {
  for_each_task(Collective::reduce, true, [](const CollectiveTask& task) {
    CHECK(proof(task, [](const CollectivePart& part, MessageSchedule& schedule) {
            tree_reduce(part, input_at(0), schedule);
          }) == "");
  });
}

TEST_CASE("slices, gathered at any root") {
  for_each_task(Collective::reduce, true, [](const CollectiveTask& task) {
    for (int halvings = 0; halvings <= HalvingLayout::most_halvings(task.part.size); ++halvings) {
      CHECK(proof(task, [=](const CollectivePart& part, MessageSchedule& schedule) {
              sliced_reduce(part, halvings, schedule);
            }) == "");
    }
  });
}

TEST_CASE("in place the tree needs no scratch, otherwise only inner ranks do") {
  for (int size = 2; size <= 20; ++size) {
    for (const auto& schedule : schedules_of(part_of(size, 3), [](const CollectivePart&part, MessageSchedule&to) {
           tree_reduce(part, output_at(0), to);
         })) {
      CHECK(schedule.scratch_count() == 0);
    }
    for (const auto& schedule : schedules_of(part_of(size, 3), [](const CollectivePart&part, MessageSchedule&to) {
           tree_reduce(part, input_at(0), to);
         })) {
      if (schedule.receives().empty()) CHECK(schedule.scratch_count() == 0);
    }
  }
}
