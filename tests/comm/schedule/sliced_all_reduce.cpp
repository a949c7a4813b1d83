#include "proof.hpp"
#include <lockstep/comm/schedule/sliced_all_reduce.hpp>

#include <doctest/doctest.h>

#include <cstdint>

using namespace lockstep::detail;
using lockstep::testing::elements_sent;
using lockstep::testing::for_each_task;
using lockstep::testing::part_of;
using lockstep::testing::proof;
using lockstep::testing::schedules_of;

TEST_CASE("direct slices, halving and doubling, and all between them have the canonical order") {
  for_each_task(Collective::all_reduce, false, [](const CollectiveTask& task) {
    for (int halvings = 0; halvings <= HalvingLayout::most_halvings(task.part.size); ++halvings) {
      CHECK(proof(task, [=](const CollectivePart& part, MessageSchedule& schedule) {
              sliced_all_reduce(part, halvings, schedule);
            }) == "");
    }
  });
}

TEST_CASE("slices that blocks exchange recursively have the canonical order, too") {
  for_each_task(Collective::all_reduce, false, [](const CollectiveTask& task) {
    for (int halvings = 0; halvings <= HalvingLayout::most_halvings(task.part.size); ++halvings) {
      for (const int radix : {2, 4}) {
        CHECK(proof(task, [=](const CollectivePart& part, MessageSchedule& schedule) {
                halved_recursive_all_reduce(part, halvings, radix, schedule);
              }) == "");
      }
    }
  });
}

TEST_CASE("every byte crosses a link twice and no more, for any number of ranks") {
  for (const int size : {2, 3, 5, 7, 8, 12, 24, 33, 64}) {
    for (int halvings = 0; halvings <= HalvingLayout::most_halvings(size); ++halvings) {
      const auto count = static_cast<std::uint64_t>(size) * 2;
      for (const auto& schedule : schedules_of(
               part_of(size, count),
               [=](const CollectivePart&part, MessageSchedule&to) { sliced_all_reduce(part, halvings, to); })) {
        CHECK(elements_sent(schedule) == 2 * (count - 2));
        CHECK(schedule.scratch_count() <= count);
      }
    }
  }
}

TEST_CASE("steps: two for direct slices of few ranks, twice the height for powers of two") {
  for (const auto& schedule : schedules_of(
           part_of(7, 70), [](const CollectivePart&part, MessageSchedule&to) { sliced_all_reduce(part, 0, to); })) {
    CHECK(schedule.step_count() == 2);
  }
  for (const auto& schedule : schedules_of(
           part_of(64, 640), [](const CollectivePart&part, MessageSchedule&to) { sliced_all_reduce(part, 6, to); })) {
    CHECK(schedule.step_count() == 12);
    CHECK(schedule.scratch_count() == 0);
  }
}
