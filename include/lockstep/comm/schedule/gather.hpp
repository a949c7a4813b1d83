// Pieces to one rank, and from one rank: directly, or through a binomial tree where pieces are small and ranks many.
#pragma once

#include <lockstep/comm/schedule/broadcast.hpp>
#include <lockstep/comm/schedule/collective_part.hpp>
#include <lockstep/comm/schedule/schedule.hpp>

#include <algorithm>
#include <bit>

namespace lockstep::detail {

/// Time: alpha + (size - 1)(overhead + n beta), n being a piece.
inline void direct_gather(const CollectivePart& part, MessageSchedule& schedule) {
  schedule.next_step();
  if (part.rank != part.root) {
    schedule.send(part.root, input_at(0), part.count);
    return;
  }
  for (int relative = 1; relative < part.size; ++relative) {
    const int peer = rank_from_root(part, relative);
    schedule.receive(peer, output_at(part.piece_at(peer)), part.count);
  }
  schedule.copy(input_at(0), output_at(part.piece_at(part.rank)), part.count);
}

inline void direct_scatter(const CollectivePart& part, MessageSchedule& schedule) {
  schedule.next_step();
  if (part.rank != part.root) {
    schedule.receive(part.root, output_at(0), part.count);
    return;
  }
  for (int relative = 1; relative < part.size; ++relative) {
    const int peer = rank_from_root(part, relative);
    schedule.send(peer, input_at(part.piece_at(peer)), part.count);
  }
  schedule.copy(input_at(part.piece_at(part.rank)), output_at(0), part.count);
}

/// The pieces of a subtree of the binomial tree, as they lie at the root: in rank order, so a subtree that passes the
/// last rank is two runs. `run(rank, pieces before it in the subtree, pieces)`.
template <class Run>
constexpr void for_runs_of_subtree(const CollectivePart& part, int relative, Run run) {
  const int span = binomial_span(relative, part.size), first = rank_from_root(part, relative);
  const int before_end = std::min(span, part.size - first);
  run(first, 0, before_end);
  if (before_end < span) run(0, before_end, span - before_end);
}

/// Time: ceil(log2 size) alpha + (size - 1) n beta; scratch at inner ranks: the pieces of their subtrees.
inline void binomial_gather(const CollectivePart& part, MessageSchedule& schedule) {
  const int self = relative_rank(part), span = binomial_span(self, part.size);
  const auto elements = [&](int pieces) { return part.piece_at(pieces); };
  schedule.next_step();
  Place held = input_at(0);  // the subtree's pieces, of ranks other than the root
  if (self == 0) {
    schedule.copy(input_at(0), output_at(part.piece_at(part.rank)), part.count);
  } else if (span > 1) {
    held = schedule.allocate_scratch(elements(span), part.line());
    schedule.copy(input_at(0), held, part.count);
  }
  for (int distance = 1; distance < span; distance *= 2) {
    for_runs_of_subtree(part, self + distance, [&](int first, int before, int pieces) {
      const Place to = self == 0 ? output_at(part.piece_at(first)) : held + elements(distance + before);
      schedule.receive(rank_from_root(part, self + distance), to, elements(pieces));
    });
  }
  if (self == 0) return;
  schedule.next_step();
  for_runs_of_subtree(part, self, [&](int, int before, int pieces) {
    schedule.send(rank_from_root(part, self & (self - 1)), held + elements(before), elements(pieces));
  });
}

inline void binomial_scatter(const CollectivePart& part, MessageSchedule& schedule) {
  const int self = relative_rank(part), span = binomial_span(self, part.size);
  const auto elements = [&](int pieces) { return part.piece_at(pieces); };
  schedule.next_step();
  Place held = output_at(0);
  if (self != 0) {
    if (span > 1) held = schedule.allocate_scratch(elements(span), part.line());
    for_runs_of_subtree(part, self, [&](int, int before, int pieces) {
      schedule.receive(rank_from_root(part, self & (self - 1)), held + elements(before), elements(pieces));
    });
  }
  schedule.next_step();
  for (int distance = static_cast<int>(std::bit_ceil(static_cast<unsigned>(span))) / 2; distance > 0; distance /= 2) {
    if (distance >= span) continue;
    for_runs_of_subtree(part, self + distance, [&](int first, int before, int pieces) {
      const Place from = self == 0 ? input_at(part.piece_at(first)) : held + elements(distance + before);
      schedule.send(rank_from_root(part, self + distance), from, elements(pieces));
    });
  }
  schedule.copy(self == 0 ? input_at(part.piece_at(part.rank)) : held, output_at(0), part.count);
}

}  // namespace lockstep::detail
