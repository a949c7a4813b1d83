#include "proof.hpp"
#include <lockstep/comm/schedule/broadcast.hpp>

#include <doctest/doctest.h>

#include <cstdint>

using namespace lockstep::detail;
using lockstep::testing::for_each_task;
using lockstep::testing::part_of;
using lockstep::testing::proof;
using lockstep::testing::schedules_of;

TEST_CASE("from any root, by all three ways") {
  for_each_task(Collective::broadcast, true, [](const CollectiveTask& task) {
    CHECK(proof(task, binomial_broadcast) == "");
    CHECK(proof(task, scatter_all_gather_broadcast) == "");
    for (const int segments : {1, 2, 5}) {
      CHECK(proof(task, [=](const CollectivePart& part, MessageSchedule& schedule) {
              chain_broadcast(part, segments, schedule);
            }) == "");
    }
  });
}

TEST_CASE("subtrees of the binomial tree") {
  CHECK(binomial_span(0, 6) == 6);
  CHECK(binomial_span(4, 6) == 2);
  CHECK(binomial_span(4, 8) == 4);
  CHECK(binomial_span(5, 6) == 1);
  CHECK(binomial_span(0, 1) == 1);
}

TEST_CASE("segments follow each other: a rank hands on one while it takes the next") {
  const auto schedules = schedules_of(part_of(4, 80), [](const CollectivePart& part, MessageSchedule& schedule) {
    chain_broadcast(part, 8, schedule);
  });
  CHECK(schedules[0].step_count() == 8);
  CHECK(schedules[1].step_count() == 9);
  CHECK(schedules[1].sends(4).size() == 1);
  CHECK(schedules[1].receives(4).size() == 1);
  CHECK(schedules[3].sends().empty());
}
