#include "proof.hpp"
#include <lockstep/comm/schedule/all_gather.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

using namespace lockstep::detail;
using lockstep::testing::for_each_task;
using lockstep::testing::part_of;
using lockstep::testing::proof;

TEST_CASE("equal pieces") {
  for_each_task(Collective::all_gather, false, [](const CollectiveTask& task) {
    for (const AllGather algorithm : {AllGather::direct, AllGather::doubling, AllGather::ring}) {
      CHECK(proof(task, [=](const CollectivePart& part, MessageSchedule& schedule) {
              all_gather(part, {part.count}, algorithm, schedule);
            }) == "");
    }
  });
}

TEST_CASE("ragged pieces, empty ones among them") {
  for (const int size : {1, 2, 3, 5, 8, 13}) {
    for (int seed = 0; seed < 8; ++seed) {
      std::vector<std::int64_t> counts;
      for (int rank = 0; rank < size; ++rank) counts.push_back((rank * 7 + seed * 5) % 4 * ((rank + seed) % 3));
      CollectiveTask task;
      task.collective = Collective::all_gather_ragged;
      task.part = part_of(size, 0);
      task.counts = counts;
      for (const bool aliased : {false, true}) {
        task.aliased = aliased;
        for (const AllGather algorithm : {AllGather::direct, AllGather::doubling, AllGather::ring}) {
          CHECK(proof(task, [&](const CollectivePart& part, MessageSchedule& schedule) {
                  all_gather(part, {0, counts}, algorithm, schedule);
                }) == "");
        }
      }
    }
  }
}
