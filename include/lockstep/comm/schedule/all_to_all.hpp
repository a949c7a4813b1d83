// Every rank's piece for every other rank.
#pragma once

#include <lockstep/comm/schedule/collective_part.hpp>
#include <lockstep/comm/schedule/schedule.hpp>

namespace lockstep::detail {

/// Straight to its receiver. Time: alpha + (size - 1)(overhead + n beta), n being a piece.
inline void direct_all_to_all(const CollectivePart& part, MessageSchedule& schedule) {
  schedule.next_step();
  for (int distance = 1; distance < part.size; ++distance) {  // no two ranks begin with the same receiver
    const int to = part.after(distance), from = part.before(distance);
    schedule.send(to, input_at(part.piece_at(to)), part.count);
    schedule.receive(from, output_at(part.piece_at(from)), part.count);
  }
  schedule.copy(input_at(part.piece_at(part.rank)), output_at(part.piece_at(part.rank)), part.count);
}

}  // namespace lockstep::detail
