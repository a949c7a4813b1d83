#include <lockstep/comm/schedule/schedule.hpp>

#include <doctest/doctest.h>

using namespace lockstep::detail;

TEST_CASE("steps hold what was added since they began; empty ones do not exist") {
  MessageSchedule schedule;
  schedule.next_step();
  schedule.next_step();
  schedule.send(1, output_at(0), 3);
  schedule.send(2, output_at(0), 0);
  schedule.receive(1, output_at(3), 2);
  schedule.next_step();
  schedule.operand(output_at(0));
  schedule.operand(output_at(3));
  schedule.combine(output_at(0), 2, true);
  schedule.copy(output_at(1), output_at(1), 2);
  schedule.copy(output_at(0), output_at(3), 2);
  schedule.next_step();
  schedule.finish();
  schedule.finish();
  REQUIRE(schedule.step_count() == 2);
  CHECK(schedule.sends(0).size() == 1);
  CHECK(schedule.receives(0).size() == 1);
  CHECK(schedule.combines(0).empty());
  CHECK(schedule.sends(1).empty());
  REQUIRE(schedule.combines(1).size() == 2);
  CHECK(schedule.operands(schedule.combines(1)[0]).size() == 2);
  CHECK(schedule.operands(schedule.combines(1)[1])[0] == output_at(0));
}

TEST_CASE("operands of a combination of nothing are dropped") {
  MessageSchedule schedule;
  schedule.next_step();
  schedule.operand(input_at(7));
  schedule.combine(output_at(0), 0, true);
  schedule.operand(input_at(1));
  schedule.combine(output_at(0), 1, false);
  REQUIRE(schedule.combines(0).size() == 1);
  CHECK(schedule.operands(schedule.combines(0)[0])[0] == input_at(1));
}

TEST_CASE("signals are messages without elements") {
  MessageSchedule schedule;
  schedule.next_step();
  schedule.send_signal(3);
  schedule.receive_signal(2);
  CHECK(schedule.sends(0)[0].count == 0);
  CHECK(schedule.receives(0)[0].peer == 2);
}

TEST_CASE("scratch begins at lines, and clear forgets it") {
  MessageSchedule schedule;
  CHECK(schedule.allocate_scratch(3, 16) == scratch_at(0));
  CHECK(schedule.allocate_scratch(20, 16) == scratch_at(16));
  CHECK(schedule.scratch_count() == 36);
  schedule.clear();
  CHECK(schedule.scratch_count() == 0);
  schedule.finish();
  CHECK(schedule.step_count() == 0);
}
