// The barrier: after signals at distance 1, 2, 4, ... everyone has heard of everyone.
#pragma once

#include <lockstep/comm/schedule/collective_part.hpp>
#include <lockstep/comm/schedule/schedule.hpp>

namespace lockstep::detail {

/// Time: ceil(log2 size) alpha.
inline void dissemination_barrier(const CollectivePart& part, MessageSchedule& schedule) {
  for (int distance = 1; distance < part.size; distance *= 2) {
    schedule.next_step();
    schedule.send_signal(part.after(distance));
    schedule.receive_signal(part.before(distance));
  }
}

}  // namespace lockstep::detail
