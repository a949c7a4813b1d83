#include <lockstep/comm/tcp/collective_plan.hpp>

#include <doctest/doctest.h>

#include <cstdint>

namespace ls = lockstep;
using ls::detail::Call;
using ls::detail::Collective;
using ls::detail::CollectivePlan;
using ls::detail::MessageSchedule;

namespace {

MessageSchedule schedule_of(const CollectivePlan& plan, ls::DType type, std::uint64_t count, int size) {
  Call call;
  call.fingerprint = {.collective = Collective::all_reduce, .dtype = type, .count = count};
  call.element = ls::size_of(type);
  call.piece = count * call.element;
  MessageSchedule schedule;
  plan.write(call, size - 1, size, schedule);
  return schedule;
}

/// Whether every message goes to the next rank and comes from the one before.
bool is_ring(const MessageSchedule& schedule, int rank, int size) {
  for (const auto& send : schedule.sends()) {
    if (send.peer != (rank + 1) % size) return false;
  }
  for (const auto& receive : schedule.receives()) {
    if (receive.peer != (rank + size - 1) % size) return false;
  }
  return !schedule.sends().empty();
}

}  // namespace

TEST_CASE("only a communicator that gave the order up sends long sums around the ring") {
  constexpr std::uint64_t longest = 1 << 22;
  const CollectivePlan canonical, fast{.canonical_order = false};
  CHECK_FALSE(is_ring(schedule_of(canonical, ls::DType::float32, longest, 4), 3, 4));
  CHECK(is_ring(schedule_of(fast, ls::DType::float32, longest, 4), 3, 4));
  CHECK(is_ring(schedule_of(fast, ls::DType::float32, (512u << 10) / 4, 4), 3, 4));  // a round between near ranks
  CHECK_FALSE(is_ring(schedule_of(fast, ls::DType::float32, 1000, 4), 3, 4));
  CHECK_FALSE(is_ring(schedule_of(fast, ls::DType::bfloat16, longest, 4), 3, 4));  // would round at every rank
}

TEST_CASE("16-bit numbers are combined in one pass, so that they are rounded once") {
  const CollectivePlan plan;
  for (const std::uint64_t count : {10u, 5000u, 5'000'000u}) {
    const MessageSchedule schedule = schedule_of(plan, ls::DType::bfloat16, count, 4);
    for (const auto& receive : schedule.receives()) CHECK(receive.arrival == ls::detail::OnArrival::store);
    for (std::size_t step = 0; step < schedule.step_count(); ++step) {
      for (const auto& combine : schedule.combines(step)) {
        const bool one_pass = combine.operand_count == 4 || combine.operand_count == 1;
        CHECK(one_pass);
      }
    }
  }
}

TEST_CASE("long sums go in rounds of whole cache lines, longer ones the farther the ranks are apart") {
  Call call;
  call.fingerprint = {.collective = Collective::all_reduce, .dtype = ls::DType::float32, .count = 1 << 26};
  call.element = 4;
  CollectivePlan plan;
  CHECK(plan.round_count(call) == (512u << 10) / 4);
  plan.link.alpha_nanoseconds += 10'000'000;
  plan.link.beta_picoseconds_per_byte = 800;
  CHECK(plan.round_count(call) == 500'000'000 / 64 * 64 / 4);  // 40 times 10 ms at 800 ps for a byte
  plan.link.alpha_nanoseconds = 0;
  CHECK(plan.round_count(call) == (512u << 10) / 4);
  call.fingerprint.collective = Collective::broadcast;
  CHECK(plan.round_count(call) == 1 << 26);
}
