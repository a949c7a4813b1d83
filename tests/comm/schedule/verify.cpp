#include "proof.hpp"
#include <lockstep/comm/schedule/direct_all_reduce.hpp>
#include <lockstep/comm/schedule/sliced_all_reduce.hpp>
#include <lockstep/comm/schedule/verify.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace lockstep::detail;

namespace {

CollectiveTask all_reduce_of(int size, std::uint64_t count) {
  CollectiveTask task;
  task.collective = Collective::all_reduce;
  task.part.size = size;
  task.part.count = count;
  task.part.element = 64;
  return task;
}

// What two ranks do to sum one element, which is right; the tests break one thing each.
struct Pair {
  CollectiveTask task = all_reduce_of(2, 1);
  std::vector<MessageSchedule> schedules = std::vector<MessageSchedule>(2);

  MessageSchedule& begin(int rank) {
    MessageSchedule& schedule = schedules[static_cast<std::size_t>(rank)];
    schedule.clear();
    schedule.next_step();
    return schedule;
  }
  Pair() {
    for (int rank = 0; rank < 2; ++rank) {
      MessageSchedule& schedule = begin(rank);
      const Place arrived = schedule.allocate_scratch(1, 1);
      schedule.send(1 - rank, output_at(0), 1);
      schedule.receive(1 - rank, arrived, 1);
      schedule.operand(rank == 0 ? output_at(0) : arrived);
      schedule.operand(rank == 0 ? arrived : output_at(0));
      schedule.combine(output_at(0), 1, true);
    }
  }
  std::string verify(Channels channels = Channels::rendezvous) const {
    return verify_schedules(schedules, task, channels);
  }
};

}  // namespace

TEST_CASE("right schedules are accepted") {
  CHECK(Pair().verify() == "");
  CHECK(Pair().verify(Channels::unbounded) == "");
}

TEST_CASE("a reduction with its sides swapped is found") {
  Pair pair;
  MessageSchedule& schedule = pair.begin(1);
  schedule.send(0, output_at(0), 1);
  schedule.receive(0, schedule.allocate_scratch(1, 1), 1);
  schedule.operand(output_at(0));
  schedule.operand(scratch_at(0));
  schedule.combine(output_at(0), 1, true);
  CHECK(pair.verify() == "rank 1, step 0: takes (1 0) for the complete result");
}

TEST_CASE("a message on the wrong side of a streamed combination is found") {
  Pair pair;
  for (int rank = 0; rank < 2; ++rank) {
    MessageSchedule& schedule = pair.begin(rank);
    const Place arrived = schedule.allocate_scratch(1, 1);
    schedule.send(1 - rank, output_at(0), 1);
    schedule.receive_combined(1 - rank, OnArrival::as_right, output_at(0), arrived, 1, true);
    schedule.next_step();
    schedule.copy(arrived, output_at(0), 1);
  }
  CHECK(pair.verify() == "rank 1, step 0: takes (1 0) for the complete result");
}

TEST_CASE("a rank that never sends leaves its peer waiting") {
  Pair pair;
  MessageSchedule& schedule = pair.begin(0);
  schedule.receive(1, schedule.allocate_scratch(1, 1), 1);
  schedule.operand(output_at(0));
  schedule.operand(scratch_at(0));
  schedule.combine(output_at(0), 1, true);
  CHECK(pair.verify() == "rank 1, step 0: waits for ever for a message from rank 0");
  CHECK(pair.verify(Channels::unbounded) == "rank 1, step 0: waits for ever for a message from rank 0");
}

TEST_CASE("a message that nobody takes is found, with buffers too") {
  Pair pair;
  pair.schedules[0].next_step();
  pair.schedules[0].send(1, output_at(0), 1);
  CHECK(pair.verify() == "rank 0, step 1: waits for ever for rank 1 to take a message");
  CHECK(pair.verify(Channels::unbounded) == "rank 0, step 2: sends to rank 1, which never takes it");
}

TEST_CASE("ranks that first send and then receive need buffers, and that is a deadlock") {
  Pair pair;
  for (int rank = 0; rank < 2; ++rank) {
    MessageSchedule& schedule = pair.begin(rank);
    schedule.send(1 - rank, output_at(0), 1);
    schedule.next_step();
    schedule.receive_combined(1 - rank, rank == 0 ? OnArrival::as_right : OnArrival::as_left, output_at(0),
                              output_at(0), 1, true);
  }
  CHECK(pair.verify() == "rank 0, step 0: waits for ever for rank 1 to take a message");
  CHECK(pair.verify(Channels::unbounded) == "");
}

TEST_CASE("ranges that do not fit are found") {
  Pair pair;
  pair.task.part.count = 2;
  MessageSchedule& schedule = pair.begin(0);
  schedule.send(1, output_at(0), 2);
  schedule.receive(1, schedule.allocate_scratch(2, 1), 2);
  CHECK(pair.verify() == "rank 0, step 0: takes 2 elements from rank 1, which sends 1 in step 0");
}

TEST_CASE("elements outside a buffer, and peers outside the group, are found") {
  Pair pair;
  pair.begin(0).send(1, output_at(1), 1);
  CHECK(pair.verify() == "rank 0, step 0: sends 1 elements at output 1, outside the buffer");
  pair.begin(0).send(2, output_at(0), 1);
  CHECK(pair.verify() == "rank 0, step 0: a message to or from rank 2 of 2");
  pair.begin(0).send(0, output_at(0), 1);
  CHECK(pair.verify() == "rank 0, step 0: a message to or from rank 0 of 2");
}

TEST_CASE("what is not there yet is not read") {
  Pair pair;
  pair.begin(0).send(1, pair.schedules[0].allocate_scratch(1, 1), 1);
  CHECK(pair.verify() == "rank 0, step 0: sends scratch 0, where nothing is yet");
  CHECK(pair.verify(Channels::unbounded) == "rank 0, step 0: sends scratch 0, where nothing is yet");
}

TEST_CASE("within a step nothing is received into what is sent, received or combined") {
  Pair pair;
  MessageSchedule& first = pair.begin(0);
  first.send(1, output_at(0), 1);
  first.receive(1, output_at(0), 1);
  CHECK(pair.verify() == "rank 0, step 0: receives into what it sends, at output 0");

  MessageSchedule& second = pair.begin(0);
  const Place arrived = second.allocate_scratch(1, 1);
  second.receive(1, arrived, 1);
  second.receive(1, arrived, 1);
  CHECK(pair.verify() == "rank 0, step 0: receives twice into the same elements");

  MessageSchedule& third = pair.begin(0);
  const Place sums = third.allocate_scratch(1, 1);
  third.receive(1, output_at(0), 1);
  third.receive_combined(1, OnArrival::as_right, output_at(0), sums, 1, true);
  CHECK(pair.verify() == "rank 0, step 0: receives into what it combines, at output 0");

  MessageSchedule& fourth = pair.begin(0);
  fourth.send(1, output_at(0), 1);
  fourth.operand(output_at(0));
  fourth.combine(output_at(0), 1, false, true);
  CHECK(pair.verify() == "rank 0, step 0: combines too early into output 0");
}

TEST_CASE("elements of different places are not combined") {
  Pair pair;
  pair.task.part.count = 2;
  for (int rank = 0; rank < 2; ++rank) {
    MessageSchedule& schedule = pair.begin(rank);
    schedule.send(1 - rank, output_at(1), 1);
    schedule.receive_combined(1 - rank, rank == 0 ? OnArrival::as_right : OnArrival::as_left, output_at(0),
                              output_at(0), 1, true);
  }
  CHECK(pair.verify().find("combines element") != std::string::npos);
}

TEST_CASE("a complete result is marked, once, and complete") {
  Pair pair;
  MessageSchedule& unmarked = pair.begin(0);
  unmarked.send(1, output_at(0), 1);
  unmarked.receive(1, unmarked.allocate_scratch(1, 1), 1);
  unmarked.operand(output_at(0));
  unmarked.operand(scratch_at(0));
  unmarked.combine(output_at(0), 1, false);
  CHECK(pair.verify() == "rank 0, step 1: does not mark the complete result at output 0");

  Pair too_early;
  MessageSchedule& schedule = too_early.begin(0);
  schedule.operand(output_at(0));
  schedule.combine(output_at(0), 1, true);
  CHECK(too_early.verify() == "rank 0, step 0: takes 0 for the complete result");
}

TEST_CASE("a result that is missing, and an input that is changed, are found") {
  Pair pair;
  pair.task.collective = Collective::all_gather;
  pair.begin(0).copy(input_at(0), output_at(0), 1);
  pair.begin(1).copy(input_at(0), output_at(1), 1);
  CHECK(pair.verify() == "rank 0, step 1: ends with element 0 of nothing at output 1 instead of element 0 of 1");

  pair.task.collective = Collective::reduce;
  MessageSchedule& root = pair.begin(0);
  root.receive_combined(1, OnArrival::as_right, input_at(0), output_at(0), 1, true);
  root.next_step();
  root.copy(output_at(0), input_at(0), 1);
  pair.begin(1).send(0, input_at(0), 1);
  CHECK(pair.verify() == "rank 0, step 2: has changed its input");
}

TEST_CASE("a barrier that does not wait for all is found") {
  Pair pair;
  pair.task.collective = Collective::barrier;
  pair.begin(0).send_signal(1);
  pair.begin(1).receive_signal(0);
  CHECK(pair.verify() == "rank 0, step 1: passes the barrier before all ranks have come to it");
}

TEST_CASE("another order of combination passes only where it may") {
  CollectiveTask task = all_reduce_of(4, 1);
  // Rank 3's input is taken for that of rank 0 and the other way round, on all ranks alike.
  auto schedules =
      lockstep::testing::schedules_of(task.part, [](const CollectivePart& part, MessageSchedule& schedule) {
        schedule.next_step();
        const Place arrived = schedule.allocate_scratch(4, 1);
        for (int peer = 0; peer < 4; ++peer) {
          if (peer == part.rank) continue;
          schedule.send(peer, output_at(0), 1);
          schedule.receive(peer, arrived + static_cast<std::uint64_t>(peer), 1);
        }
        for (const int peer : {3, 1, 2, 0}) {
          schedule.operand(peer == part.rank ? output_at(0) : arrived + static_cast<std::uint64_t>(peer));
        }
        schedule.combine(output_at(0), 1, true);
      });
  CHECK(verify_schedules(schedules, task, Channels::rendezvous).find("takes ((3 1) (2 0))") != std::string::npos);
  task.canonical = false;
  CHECK(verify_schedules(schedules, task, Channels::rendezvous) == "");
}

TEST_CASE("the number of schedules is checked") {
  Pair pair;
  pair.schedules.pop_back();
  CHECK(pair.verify() == "there are 1 schedules for 2 ranks");
}

TEST_CASE("each single change of a real schedule is found") {
  const CollectiveTask task = all_reduce_of(12, 24);
  const auto right = lockstep::testing::schedules_of(
      task.part, [](const CollectivePart& part, MessageSchedule& schedule) { sliced_all_reduce(part, 2, schedule); });
  REQUIRE(verify_schedules(right, task, Channels::rendezvous) == "");
  // Rebuilds rank 5's schedule, without its n-th message or with its n-th range moved or its n-th combination turned.
  enum class Change { drop_send, drop_receive, move_send, move_receive, turn };
  for (const Change change :
       {Change::drop_send, Change::drop_receive, Change::move_send, Change::move_receive, Change::turn}) {
    const MessageSchedule& original = right[5];
    const bool of_send = change == Change::drop_send || change == Change::move_send;
    const std::size_t messages = of_send ? original.sends().size() : original.receives().size();
    for (std::size_t changed = 0; changed < messages; ++changed) {
      if (change == Change::turn && original.receives()[changed].arrival == OnArrival::store) continue;
      auto broken = right;
      MessageSchedule& schedule = broken[5];
      schedule.clear();
      schedule.allocate_scratch(original.scratch_count(), 1);
      std::size_t send_index = 0, receive_index = 0;
      for (std::size_t step = 0; step < original.step_count(); ++step) {
        schedule.next_step();
        for (const SendMessage& send : original.sends(step)) {
          const bool it = of_send && send_index++ == changed;
          if (it && change == Change::drop_send) continue;
          const std::uint64_t begin = it ? (send.from.begin + 1) % 24 : send.from.begin;
          schedule.send(send.peer, {send.from.space, begin}, send.count);
        }
        for (ReceiveMessage receive : original.receives(step)) {
          const bool it = !of_send && receive_index++ == changed;
          if (it && change == Change::drop_receive) continue;
          if (it && change == Change::move_receive) receive.to.begin = (receive.to.begin + 1) % 24;
          if (it && change == Change::turn) {
            receive.arrival = receive.arrival == OnArrival::as_left ? OnArrival::as_right : OnArrival::as_left;
          }
          if (receive.arrival == OnArrival::store) {
            schedule.receive(receive.peer, receive.to, receive.count);
          } else {
            schedule.receive_combined(receive.peer, receive.arrival, receive.own, receive.to, receive.count,
                                      receive.completes);
          }
        }
        for (const CombineOperands& combine : original.combines(step)) {
          for (const Place& operand : original.operands(combine)) schedule.operand(operand);
          schedule.combine(combine.to, combine.count, combine.completes, combine.early);
        }
      }
      CHECK_MESSAGE(verify_schedules(broken, task, Channels::rendezvous) != "", static_cast<int>(change), " ", changed);
    }
  }
}
