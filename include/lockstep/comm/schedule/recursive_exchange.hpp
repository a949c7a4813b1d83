// The all_reduce of small vectors: ranks exchange all they have within groups of 2 (recursive doubling), 4 or 8, then
// with those at 2, 4 or 8 times the distance, and so on. The canonical tree over any number of ranks is the complete
// binary tree over the next power of two without the leaves that do not exist; so a step combines the children of a
// tree node (or its grandchildren), of which the last may have fewer ranks than the others.
#pragma once

#include <lockstep/comm/schedule/collective_part.hpp>
#include <lockstep/comm/schedule/schedule.hpp>

#include <algorithm>
#include <cstdint>

namespace lockstep::detail {

/// Combines `count` elements at `place` among `members` members, of which this rank is number `self`, in groups of
/// `radix`, a power of two. `rank_of(m)` is member m's rank; each holds the value of a node of the canonical tree, and
/// together they are the whole.
/// Time with n members: ceil(log(n)/log(radix)) steps of alpha + (radix - 2) overhead + (radix - 1) N (beta + gamma);
/// scratch (radix - 1) N. Where n is not a power of two, the members of a smaller last child each send to several
/// others; they have waited for nobody until then, so that mostly hides in the steps that they skip.
template <class RankOf>
void recursive_exchange(int members, int self, int radix, Place place, std::uint64_t count, std::uint64_t line,
                        RankOf rank_of, MessageSchedule& schedule) {
  if (members == 1) return;
  const std::uint64_t stride = (count + line - 1) / line * line;
  const Place arrived =
      schedule.allocate_scratch(stride * static_cast<std::uint64_t>(std::min(radix, members) - 1), line);
  for (int width = 1; width < members; width *= radix) {
    const int parent = self / (width * radix) * (width * radix);
    const int own_begin = self / width * width, position = self - own_begin;
    const int own_members = std::min(width, members - own_begin);
    const int end = std::min(parent + width * radix, members);
    if (parent + width >= end) continue;  // no sibling
    schedule.next_step();
    // Siblings to the right first, so that no two members begin with the same receiver.
    const int siblings = (end - parent + width - 1) / width;
    for (int shift = 1; shift < siblings; ++shift) {
      const int begin = parent + ((own_begin - parent) / width + shift) % siblings * width;
      const int their_members = std::min(width, members - begin);
      for (int peer = position; peer < their_members; peer += own_members) {
        schedule.send(rank_of(begin + peer), place, count);
      }
    }
    std::uint64_t slot = 0;
    for (int begin = parent; begin < end; begin += width) {
      if (begin == own_begin) {
        schedule.operand(place);
        continue;
      }
      const int their_members = std::min(width, members - begin);
      schedule.receive(rank_of(begin + position % their_members), arrived + slot, count);
      schedule.operand(arrived + slot);
      slot += stride;
    }
    schedule.combine(place, count, parent == 0 && end == members);
  }
}

/// The whole all_reduce so.
inline void recursive_all_reduce(const CollectivePart& part, int radix, MessageSchedule& schedule) {
  const auto same = [](int member) { return member; };
  recursive_exchange(part.size, part.rank, radix, output_at(0), part.count, part.line(), same, schedule);
}

}  // namespace lockstep::detail
