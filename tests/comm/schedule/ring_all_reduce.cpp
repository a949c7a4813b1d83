#include "proof.hpp"
#include <lockstep/comm/schedule/ring_all_reduce.hpp>

#include <doctest/doctest.h>

#include <cstdint>

using namespace lockstep::detail;
using lockstep::testing::elements_sent;
using lockstep::testing::for_each_task;
using lockstep::testing::part_of;
using lockstep::testing::proof;
using lockstep::testing::schedules_of;

TEST_CASE("the ring sums everything once, to the same bits on all ranks, but not in the canonical order") {
  static_assert(!ring_all_reduce_is_canonical);
  for_each_task(Collective::all_reduce, false, [](const CollectiveTask& task) {
    CollectiveTask any_order = task;
    any_order.canonical = false;
    CHECK(proof(any_order, ring_all_reduce) == "");
    if (task.part.size > 2 && task.part.count > 0) CHECK(proof(task, ring_all_reduce) != "");
  });
}

TEST_CASE("only neighbours talk") {
  for (const auto& schedule : schedules_of(part_of(6, 12), ring_all_reduce)) {
    CHECK(schedule.step_count() == 10);
    CHECK(elements_sent(schedule) == 20);
    for (const SendMessage& send : schedule.sends()) CHECK(send.peer == schedule.sends()[0].peer);
  }
}
