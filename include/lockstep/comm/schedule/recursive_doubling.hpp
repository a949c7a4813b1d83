// The all_reduce of small vectors: ranks exchange all they have at distance 1, 2, 4, ... The canonical tree over any
// number of ranks is the complete binary tree over the next power of two without the leaves that do not exist, so a
// rank always exchanges with the other child of a tree node, which may have fewer ranks than its own.
#pragma once

#include <lockstep/comm/schedule/collective_part.hpp>
#include <lockstep/comm/schedule/schedule.hpp>

#include <algorithm>

namespace lockstep::detail {

/// Time: ceil(log2 size)(alpha + N beta + N gamma); scratch N. Where size is not a power of two, the ranks of a node's
/// smaller child each send to several; they have waited for nobody until then, so that mostly hides in others' steps.
inline void recursive_doubling_all_reduce(const CollectivePart& part, MessageSchedule& schedule) {
  if (part.size == 1) return;
  const Place arrived = schedule.allocate_scratch(part.count, part.line());
  for (int distance = 1; distance < part.size; distance *= 2) {
    const int begin = part.rank / distance * distance, position = part.rank - begin;
    const bool left = (begin & distance) == 0;
    const int sibling = begin ^ distance;
    if (sibling >= part.size) continue;
    // Ranks of the right child, which may be fewer than `distance`.
    const int right_ranks = std::min(distance, part.size - std::max(begin, sibling));
    schedule.next_step();
    if (left) {
      if (position < right_ranks) schedule.send(sibling + position, output_at(0), part.count);
      schedule.receive(sibling + position % right_ranks, arrived, part.count);
      schedule.operand(output_at(0));
      schedule.operand(arrived);
    } else {
      for (int peer = position; peer < distance; peer += right_ranks) {
        schedule.send(sibling + peer, output_at(0), part.count);
      }
      schedule.receive(sibling + position, arrived, part.count);
      schedule.operand(arrived);
      schedule.operand(output_at(0));
    }
    schedule.combine(output_at(0), part.count, distance * 2 >= part.size);
  }
}

}  // namespace lockstep::detail
