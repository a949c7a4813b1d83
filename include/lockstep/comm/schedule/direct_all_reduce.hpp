// The all_reduce of a few bytes: everyone sends everything to everyone and combines it all alone. One step.
#pragma once

#include <lockstep/comm/schedule/collective_part.hpp>
#include <lockstep/comm/schedule/schedule.hpp>

namespace lockstep::detail {

/// Time: alpha + (size - 1)(overhead + N beta + N gamma); scratch (size - 1) N. Each result is rounded once.
inline void direct_all_reduce(const CollectivePart& part, MessageSchedule& schedule) {
  if (part.size == 1) return;
  schedule.next_step();
  for (int distance = 1; distance < part.size; ++distance) {  // no two ranks begin with the same receiver
    schedule.send(part.after(distance), output_at(0), part.count);
  }
  for (int peer = 0; peer < part.size; ++peer) {
    if (peer == part.rank) {
      schedule.operand(output_at(0));
      continue;
    }
    const Place arrived = schedule.allocate_scratch(part.count, part.line());
    schedule.receive(peer, arrived, part.count);
    schedule.operand(arrived);
  }
  schedule.combine(output_at(0), part.count, true);
}

}  // namespace lockstep::detail
