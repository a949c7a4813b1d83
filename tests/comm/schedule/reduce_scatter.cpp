#include "proof.hpp"
#include <lockstep/comm/schedule/reduce_scatter.hpp>

#include <doctest/doctest.h>

using namespace lockstep::detail;
using lockstep::testing::for_each_task;
using lockstep::testing::proof;

TEST_CASE("pieces are reduced in the canonical order and end with their owners") {
  for_each_task(Collective::reduce_scatter, false, [](const CollectiveTask& task) {
    for (int halvings = 0; halvings <= HalvingLayout::most_halvings(task.part.size); ++halvings) {
      CHECK(proof(task, [=](const CollectivePart& part, MessageSchedule& schedule) {
              sliced_reduce_scatter(part, halvings, schedule);
            }) == "");
    }
  });
}
