#include "proof.hpp"
#include <lockstep/comm/call/reduce_slice.hpp>
#include <lockstep/comm/schedule/make_schedule.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

using namespace lockstep::detail;
using lockstep::Reduction;
using lockstep::testing::for_each_task;
using lockstep::testing::proof;
using lockstep::testing::schedules_of;

namespace {

constexpr Collective all_collectives[] = {Collective::all_reduce, Collective::reduce_scatter, Collective::all_gather,
                                          Collective::broadcast,  Collective::barrier,        Collective::reduce,
                                          Collective::gather,     Collective::scatter,        Collective::all_to_all};

// Links on which different algorithms are the fastest.
constexpr LinkModel links[] = {
    {},
    {.alpha_nanoseconds = 1, .overhead_nanoseconds = 1, .beta_picoseconds_per_byte = 100000},
    {.alpha_nanoseconds = 1000, .overhead_nanoseconds = 1000, .beta_picoseconds_per_byte = 1}};

CollectivePart part_of(int size, std::uint64_t count) {
  CollectivePart part;
  part.size = size;
  part.count = count;
  return part;
}

// Executes all ranks' schedules of an in-place collective on floats, as an engine does.
void execute(const std::vector<MessageSchedule>& schedules, std::vector<std::vector<float>>& buffers,
             Reduction reduction) {
  const std::size_t size = schedules.size();
  const bool mean = reduction == Reduction::mean;
  const Reduction partial = mean ? Reduction::sum : reduction;
  std::map<std::pair<int, int>, std::deque<std::vector<float>>> channels;
  std::vector<std::vector<float>> scratch(size);
  std::vector<std::size_t> steps(size, 0), received(size, 0);
  std::vector<bool> begun(size, false);
  const auto bytes = [](float* values) { return reinterpret_cast<std::byte*>(values); };
  for (std::size_t rank = 0; rank < size; ++rank) scratch[rank].resize(schedules[rank].scratch_count());
  bool moved = true;
  while (moved) {
    moved = false;
    for (std::size_t rank = 0; rank < size; ++rank) {
      const MessageSchedule& schedule = schedules[rank];
      if (steps[rank] == schedule.step_count()) continue;
      const std::size_t step = steps[rank];
      const auto at = [&](Place place) {
        return (place.space == Space::scratch ? scratch[rank] : buffers[rank]).data() + place.begin;
      };
      if (!begun[rank]) {
        for (const SendMessage& send : schedule.sends(step)) {
          channels[{static_cast<int>(rank), send.peer}].emplace_back(at(send.from), at(send.from) + send.count);
        }
        begun[rank] = moved = true;
        received[rank] = 0;
      }
      const auto receives = schedule.receives(step);
      while (received[rank] < receives.size()) {
        const ReceiveMessage& receive = receives[received[rank]];
        auto& channel = channels[{receive.peer, static_cast<int>(rank)}];
        if (channel.empty()) break;
        std::vector<float> arrived = std::move(channel.front());
        channel.pop_front();
        REQUIRE(arrived.size() == receive.count);
        if (receive.arrival == OnArrival::store) {
          std::memcpy(at(receive.to), arrived.data(), arrived.size() * sizeof(float));
        } else {
          const std::byte* operands[] = {bytes(arrived.data()), bytes(at(receive.own))};
          if (receive.arrival == OnArrival::as_right) std::swap(operands[0], operands[1]);
          std::byte* to = bytes(at(receive.to));
          reduce_slice<float>(partial, operands, 2, &to, 1, receive.count);
          if (receive.completes && mean) scale_sums<float>(to, receive.count, static_cast<int>(size));
        }
        ++received[rank];
        moved = true;
      }
      if (received[rank] < receives.size()) continue;
      for (const CombineOperands& combine : schedule.combines(step)) {
        std::vector<const std::byte*> operands;
        for (const Place& operand : schedule.operands(combine)) operands.push_back(bytes(at(operand)));
        std::byte* to = bytes(at(combine.to));
        reduce_slice<float>(partial, operands.data(), static_cast<int>(operands.size()), &to, 1, combine.count);
        if (combine.completes && mean) scale_sums<float>(to, combine.count, static_cast<int>(size));
      }
      ++steps[rank];
      begun[rank] = false;
      moved = true;
    }
  }
  for (std::size_t rank = 0; rank < size; ++rank) REQUIRE(steps[rank] == schedules[rank].step_count());
}

}  // namespace

TEST_CASE("the chosen schedules are right on any links") {
  for (const Collective collective : all_collectives) {
    for_each_task(collective, true, [&](const CollectiveTask& task) {
      if (task.part.size > 13) return;
      for (const LinkModel& link : links) {
        CHECK(proof(task, [&](const CollectivePart& part, MessageSchedule& schedule) {
                make_schedule(task.collective, part, {}, link, schedule);
              }) == "");
      }
    });
  }
}

TEST_CASE("ragged pieces") {
  const std::vector<std::int64_t> counts{3, 0, 70, 1, 12};
  CollectiveTask task;
  task.collective = Collective::all_gather_ragged;
  task.part = part_of(5, 0);
  task.counts = counts;
  for (const LinkModel& link : links) {
    CHECK(proof(task, [&](const CollectivePart& part, MessageSchedule& schedule) {
            make_schedule(Collective::all_gather_ragged, part, counts, link, schedule);
          }) == "");
  }
}

TEST_CASE("all_reduce gives the bits of reduce_slice, whatever the length, the links and the number of ranks") {
  for (const int size : {1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 33}) {
    for (const std::uint64_t count :
         {std::uint64_t{1}, std::uint64_t{100}, std::uint64_t{3000}, std::uint64_t{40000}}) {
      if (size > 12 && count > 3000) continue;
      std::vector<std::vector<float>> inputs(static_cast<std::size_t>(size), std::vector<float>(count));
      for (std::size_t rank = 0; rank < inputs.size(); ++rank) {
        for (std::size_t i = 0; i < count; ++i) {
          inputs[rank][i] = std::sin(static_cast<float>(rank * 977 + i)) * static_cast<float>(1 + rank % 5);
        }
      }
      for (const Reduction reduction : {Reduction::sum, Reduction::mean}) {
        std::vector<const std::byte*> pointers;
        for (const auto& input : inputs) pointers.push_back(reinterpret_cast<const std::byte*>(input.data()));
        std::vector<float> expected(count);
        std::byte* out = reinterpret_cast<std::byte*>(expected.data());
        reduce_slice<float>(reduction, pointers.data(), size, &out, 1, count);
        for (const LinkModel& link : links) {
          auto buffers = inputs;
          execute(schedules_of(part_of(size, count),
                               [&](const CollectivePart& part, MessageSchedule& schedule) {
                                 make_schedule(Collective::all_reduce, part, {}, link, schedule);
                               }),
                  buffers, reduction);
          for (const auto& buffer : buffers) {
            REQUIRE(std::memcmp(buffer.data(), expected.data(), count * sizeof(float)) == 0);
          }
        }
      }
    }
  }
}

TEST_CASE("types that are rounded once are combined in one pass") {
  for (const Collective collective : {Collective::all_reduce, Collective::reduce_scatter, Collective::reduce}) {
    for (const int size : {2, 3, 8, 16}) {
      for (const std::uint64_t count : {std::uint64_t{1}, std::uint64_t{1000}, std::uint64_t{1} << 30}) {
        CollectivePart part = part_of(size, count);
        part.element = 2;
        part.one_pass = true;
        for (const auto& schedule : schedules_of(part, [&](const CollectivePart&one, MessageSchedule&to) {
               make_schedule(collective, one, {}, LinkModel{}, to);
             })) {
          for (const ReceiveMessage& receive : schedule.receives()) CHECK(receive.arrival == OnArrival::store);
          for (std::size_t step = 0; step < schedule.step_count(); ++step) {
            for (const CombineOperands& combine : schedule.combines(step)) {
              CHECK(static_cast<int>(combine.operand_count) == size);
              CHECK(combine.completes);
            }
          }
        }
      }
    }
  }
}

TEST_CASE("long vectors are cut at lines") {
  for (const int size : {2, 3, 8, 12}) {
    for (const auto& schedule : schedules_of(part_of(size, 1000003), [](const CollectivePart&part, MessageSchedule&to) {
           make_schedule(Collective::all_reduce, part, {}, LinkModel{}, to);
         })) {
      for (const SendMessage& send : schedule.sends()) CHECK(send.from.begin % 16 == 0);
      for (const ReceiveMessage& receive : schedule.receives()) CHECK(receive.to.begin % 16 == 0);
    }
  }
}

TEST_CASE("a schedule that is written again takes no new memory") {
  MessageSchedule schedule;
  CollectivePart part = part_of(64, 100000);
  make_schedule(Collective::all_reduce, part, {}, LinkModel{}, schedule);
  const SendMessage* sends = schedule.sends().data();
  const ReceiveMessage* receives = schedule.receives().data();
  for (part.rank = 0; part.rank < 64; ++part.rank) {
    make_schedule(Collective::all_reduce, part, {}, LinkModel{}, schedule);
    CHECK(schedule.sends().data() == sends);
    CHECK(schedule.receives().data() == receives);
  }
}

TEST_CASE("point-to-point calls and allocations have no schedule") {
  MessageSchedule schedule;
  for (const Collective collective : {Collective::none, Collective::allocate, Collective::send, Collective::receive}) {
    make_schedule(collective, part_of(4, 10), {}, LinkModel{}, schedule);
    CHECK(schedule.step_count() == 0);
  }
}

TEST_SUITE("long") {
  TEST_CASE("schedules of up to 4096 ranks end and keep the canonical order") {
    for (const int size : {64, 100, 127, 128, 255, 256, 384, 512, 1000, 1024, 2048, 3072, 4095, 4096}) {
      CollectiveTask task;
      task.part = part_of(size, 1);
      task.part.element = 64;
      const auto prove = [&](Collective collective, std::uint64_t count, const Choice& choice) {
        task.collective = collective;
        task.part.count = count;
        const auto schedules = schedules_of(task.part, [&](const CollectivePart& part, MessageSchedule& schedule) {
          write_schedule(collective, part, {}, choice, schedule);
        });
        CHECK_MESSAGE(verify_schedules(schedules, task, Channels::rendezvous) == "", to_string(collective), " ",
                      to_string(choice.algorithm), " ", choice.parameter, " on ", size);
      };
      const int halvings = HalvingLayout::most_halvings(size);
      const auto slices = static_cast<std::uint64_t>(size);
      for (const int radix : {2, 4, 8}) prove(Collective::all_reduce, 1, {Algorithm::recursive, 0, 0, radix});
      prove(Collective::all_reduce, slices, {Algorithm::recursive, halvings / 2, 0, 4});
      prove(Collective::all_reduce, 1, {Algorithm::tree});
      if (size >> halvings <= 128) {
        prove(Collective::all_reduce, slices, {Algorithm::sliced, halvings});
        prove(Collective::reduce, slices, {Algorithm::sliced, halvings});
        prove(Collective::reduce_scatter, 1, {Algorithm::sliced, halvings});
      }
      prove(Collective::reduce, 1, {Algorithm::tree});
      prove(Collective::all_gather, 1, {Algorithm::dissemination});
      prove(Collective::broadcast, 1, {Algorithm::tree});
      prove(Collective::broadcast, slices, {Algorithm::scatter_all_gather});
      prove(Collective::gather, 1, {Algorithm::tree});
      prove(Collective::scatter, 1, {Algorithm::tree});
      if (size <= 1024) prove(Collective::all_to_all, 1, {Algorithm::dissemination});
      prove(Collective::barrier, 0, {Algorithm::dissemination});
    }
  }
}
