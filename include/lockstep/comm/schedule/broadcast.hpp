// Broadcast: everyone's buffer becomes the root's. Ranks are counted from the root on, cyclically.
#pragma once

#include <lockstep/comm/schedule/collective_part.hpp>
#include <lockstep/comm/schedule/dissemination.hpp>
#include <lockstep/comm/schedule/halving.hpp>
#include <lockstep/comm/schedule/schedule.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>

namespace lockstep::detail {

/// The rank's distance behind the root.
constexpr int relative_rank(const CollectivePart& part) { return part.before(part.root); }
constexpr int rank_from_root(const CollectivePart& part, int relative) { return (part.root + relative) % part.size; }

/// In the binomial tree, the ranks [relative, relative + span) lie below the rank `relative`, itself included.
constexpr int binomial_span(int relative, int size) {
  const int whole = relative == 0 ? static_cast<int>(std::bit_ceil(static_cast<unsigned>(size))) : relative & -relative;
  return std::min(whole, size - relative);
}

/// Everything down a binomial tree. Time: ceil(log2 size)(alpha + N beta).
inline void binomial_broadcast(const CollectivePart& part, MessageSchedule& schedule) {
  const int self = relative_rank(part), span = binomial_span(self, part.size);
  if (self != 0) {
    schedule.next_step();
    schedule.receive(rank_from_root(part, self & (self - 1)), output_at(0), part.count);
  }
  schedule.next_step();
  for (int distance = static_cast<int>(std::bit_ceil(static_cast<unsigned>(span))) / 2; distance > 0; distance /= 2) {
    if (distance < span) schedule.send(rank_from_root(part, self + distance), output_at(0), part.count);
  }
}

/// Slices down a binomial tree, then an all-gather. Time: 2 ceil(log2 size) alpha + 2 (size - 1)/size N beta.
inline void scatter_all_gather_broadcast(const CollectivePart& part, MessageSchedule& schedule) {
  const Slices slices = Slices::of_vector(part);
  const int self = relative_rank(part), span = binomial_span(self, part.size);
  const auto begin = [&](int relative) { return slices.at(part.size, relative); };
  const auto rank_of = [&](int relative) { return rank_from_root(part, relative); };
  if (self != 0) {
    schedule.next_step();
    schedule.receive(rank_of(self & (self - 1)), output_at(begin(self)), begin(self + span) - begin(self));
  }
  schedule.next_step();
  for (int distance = static_cast<int>(std::bit_ceil(static_cast<unsigned>(span))) / 2; distance > 0; distance /= 2) {
    if (distance >= span) continue;
    const int child = self + distance, end = child + binomial_span(child, part.size);
    schedule.send(rank_of(child), output_at(begin(child)), begin(end) - begin(child));
  }
  doubling_all_gather(part.size, self, output_at(begin(self)), begin, rank_of, schedule);
}

/// Segments through the chain of all ranks. Time: (size - 2 + segments)(alpha + N/segments beta).
inline void chain_broadcast(const CollectivePart& part, int segments, MessageSchedule& schedule) {
  const Slices slices = Slices::of_vector(part);
  const int self = relative_rank(part);
  const bool first = self == 0, last = self + 1 == part.size;
  if (part.size == 1) return;
  for (int step = 0; step < segments + (first || last ? 0 : 1); ++step) {
    schedule.next_step();
    const int given = first ? step : step - 1;
    if (!first && step < segments) {
      schedule.receive(part.before(1), output_at(slices.at(segments, step)), slices.length(segments, step));
    }
    if (!last && given >= 0) {
      schedule.send(part.after(1), output_at(slices.at(segments, given)), slices.length(segments, given));
    }
  }
}

}  // namespace lockstep::detail
