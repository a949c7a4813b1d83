#include <lockstep/comm/schedule/symbolic_memory.hpp>

#include <doctest/doctest.h>

#include <vector>

using namespace lockstep::detail;

namespace {

CollectiveTask task_of(Collective collective, int size, std::uint64_t count, bool aliased = false) {
  CollectiveTask task;
  task.collective = collective;
  task.part.size = size;
  task.part.count = count;
  task.part.root = 1;
  task.aliased = aliased;
  return task;
}

}  // namespace

TEST_CASE("inputs are symbols of their rank, outputs are empty until they are written") {
  SymbolicMemory memory;
  memory.fill(task_of(Collective::reduce_scatter, 3, 2), 1, 4);
  CHECK(memory.at(input_at(5)) == input_symbol(1, 5));
  CHECK(memory.at(output_at(1)).tree == 0);
  CHECK(memory.at(scratch_at(3)).tree == 0);
  memory.at(output_at(1)) = input_symbol(2, 0);
  CHECK(memory.input_is_unchanged(task_of(Collective::reduce_scatter, 3, 2), 1));
  memory.at(input_at(0)) = input_symbol(2, 0);
  CHECK_FALSE(memory.input_is_unchanged(task_of(Collective::reduce_scatter, 3, 2), 1));
}

TEST_CASE("where buffers may share memory, they can be made to") {
  SymbolicMemory memory;
  memory.fill(task_of(Collective::reduce_scatter, 3, 2, true), 1, 0);
  CHECK(memory.at(output_at(1)) == input_symbol(1, 3));
  memory.fill(task_of(Collective::gather, 3, 2, true), 1, 0);
  CHECK(memory.at(output_at(2)) == input_symbol(1, 0));
  memory.fill(task_of(Collective::gather, 3, 2, true), 0, 0);
  CHECK(memory.at(input_at(1)) == input_symbol(0, 1));
  memory.fill(task_of(Collective::all_to_all, 3, 2, true), 0, 0);
  CHECK(memory.at(output_at(0)).tree == 0);
}

TEST_CASE("what collectives give") {
  CHECK(task_of(Collective::broadcast, 3, 2).expected_output(2, 1) == input_symbol(1, 1));
  CHECK(task_of(Collective::scatter, 3, 2).expected_output(2, 1) == input_symbol(1, 5));
  CHECK(task_of(Collective::gather, 3, 2).expected_output(1, 5) == input_symbol(2, 1));
  CHECK(task_of(Collective::all_to_all, 3, 2).expected_output(1, 5) == input_symbol(2, 3));
  CollectiveTask ragged = task_of(Collective::all_gather_ragged, 3, 0);
  const std::vector<std::int64_t> counts{2, 0, 3};
  ragged.counts = counts;
  CHECK(ragged.output_count(0) == 5);
  CHECK(ragged.input_count(1) == 0);
  CHECK(ragged.expected_output(0, 1) == input_symbol(0, 1));
  CHECK(ragged.expected_output(0, 2) == input_symbol(2, 0));
}

TEST_CASE("overlaps are found across spaces that share memory") {
  SymbolicMemory memory;
  memory.fill(task_of(Collective::reduce, 2, 4, true), 1, 0);
  MessageSchedule schedule;
  schedule.next_step();
  schedule.send(0, input_at(3), 1);
  schedule.receive(0, output_at(2), 2);
  CHECK(memory.conflict(schedule, 0) == "receives into what it sends, at input 3");
  memory.fill(task_of(Collective::reduce, 2, 4), 1, 0);
  CHECK(memory.conflict(schedule, 0) == "");
}
