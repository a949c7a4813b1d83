#include "proof.hpp"
#include <lockstep/comm/schedule/dissemination.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>

using namespace lockstep::detail;
using lockstep::testing::elements_sent;
using lockstep::testing::for_each_task;
using lockstep::testing::part_of;
using lockstep::testing::proof;
using lockstep::testing::schedules_of;

TEST_CASE("the ways to gather take few steps, few messages or few neighbours") {
  const auto begin = [](int piece) { return static_cast<std::uint64_t>(piece); };
  const auto same = [](int member) { return member; };
  for (int size = 2; size <= 40; ++size) {
    const auto by_dissemination = schedules_of(part_of(size, 1), [&](const CollectivePart& part, MessageSchedule& to) {
      dissemination_all_gather(size, part.rank, input_at(0), begin, same, to);
    });
    const auto direct = schedules_of(part_of(size, 1), [&](const CollectivePart& part, MessageSchedule& to) {
      direct_all_gather(size, part.rank, input_at(0), begin, same, to);
    });
    const auto by_doubling = schedules_of(part_of(size, 1), [&](const CollectivePart& part, MessageSchedule& to) {
      doubling_all_gather(size, part.rank, input_at(0), begin, same, to);
    });
    const auto ring = schedules_of(part_of(size, 1), [&](const CollectivePart& part, MessageSchedule& to) {
      ring_all_gather(size, part.rank, input_at(0), begin, same, to);
    });
    for (std::size_t rank = 0; rank < by_dissemination.size(); ++rank) {
      CHECK(static_cast<int>(by_dissemination[rank].step_count()) == tree_height(size));
      CHECK(static_cast<int>(by_doubling[rank].step_count()) == tree_height(size));
      CHECK(direct[rank].step_count() == 1);
      CHECK(static_cast<int>(ring[rank].step_count()) == size - 1);
      for (const SendMessage& send : ring[rank].sends()) CHECK(send.peer == (static_cast<int>(rank) + 1) % size);
      for (const auto* each : {&by_dissemination, &by_doubling, &direct, &ring}) {
        CHECK(elements_sent((*each)[rank]) == static_cast<std::uint64_t>(size - 1));
      }
    }
  }
}

TEST_CASE("pieces come to all, whoever gathers them") {
  for_each_task(Collective::all_gather, false, [](const CollectiveTask& task) {
    CHECK(proof(task, [](const CollectivePart& part, MessageSchedule& schedule) {
            const auto begin = [&](int piece) { return part.piece_at(piece); };
            const auto same = [](int member) { return member; };
            dissemination_all_gather(part.size, part.rank, input_at(0), begin, same, schedule);
          }) == "");
  });
}

TEST_CASE("members may be any ranks") {
  CollectiveTask task;
  task.collective = Collective::all_gather;
  task.part = part_of(7, 2);
  CHECK(proof(task, [](const CollectivePart& part, MessageSchedule& schedule) {
          const auto begin = [](int piece) { return static_cast<std::uint64_t>(2 * piece); };
          const auto same = [](int member) { return member; };
          dissemination_all_gather(part.size, part.rank, input_at(0), begin, same, schedule);
        }) == "");
  CHECK(proof(task, [](const CollectivePart& part, MessageSchedule& schedule) {
          const auto begin = [](int piece) { return static_cast<std::uint64_t>(2 * piece); };
          const auto turned = [](int member) { return 6 - member; };
          dissemination_all_gather(part.size, 6 - part.rank, input_at(0), begin, turned, schedule);
        }).find("instead of") != std::string::npos);
}
