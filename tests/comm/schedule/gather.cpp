#include "proof.hpp"
#include <lockstep/comm/schedule/gather.hpp>

#include <doctest/doctest.h>

#include <cstdint>

using namespace lockstep::detail;
using lockstep::testing::for_each_task;
using lockstep::testing::part_of;
using lockstep::testing::proof;
using lockstep::testing::schedules_of;

TEST_CASE("gather to any root") {
  for_each_task(Collective::gather, true, [](const CollectiveTask& task) {
    CHECK(proof(task, direct_gather) == "");
    CHECK(proof(task, binomial_gather) == "");
  });
}

TEST_CASE("scatter from any root") {
  for_each_task(Collective::scatter, true, [](const CollectiveTask& task) {
    CHECK(proof(task, direct_scatter) == "");
    CHECK(proof(task, binomial_scatter) == "");
  });
}

TEST_CASE("in the tree the root has as many children as the tree is high") {
  CollectivePart part = part_of(64, 1);
  part.root = 0;
  CHECK(schedules_of(part, binomial_gather)[0].receives().size() == 6);
  CHECK(schedules_of(part, direct_gather)[0].receives().size() == 63);
  CHECK(schedules_of(part, binomial_scatter)[0].sends().size() == 6);
}
