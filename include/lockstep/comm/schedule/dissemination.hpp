// All-gather by dissemination: at distance 1, 2, 4, ... each rank hands on all that it has. ceil(log2 size) steps for
// any number of ranks, and no byte is sent twice to a rank, so it is best in both latency and bandwidth.
#pragma once

#include <lockstep/comm/schedule/schedule.hpp>

#include <algorithm>
#include <cstdint>

namespace lockstep::detail {

/// Gathers among `members` members, of which this rank is number `self`. Member m's piece lies in `output` at
/// [begin(m), begin(m + 1)); `rank_of(m)` is its rank. This rank's own piece is taken from `own`, and copied to
/// `output` where it lies elsewhere.
template <class Begin, class RankOf>
void dissemination_all_gather(int members, int self, Place own, Begin begin, RankOf rank_of,
                              MessageSchedule& schedule) {
  const std::uint64_t own_count = begin(self + 1) - begin(self);
  if (members == 1) {
    schedule.next_step();
    schedule.copy(own, output_at(begin(self)), own_count);
  }
  for (int distance = 1; distance < members; distance *= 2) {
    schedule.next_step();
    const int pieces = std::min(distance, members - distance);
    const int to = (self - distance + members) % members, from = (self + distance) % members;
    // Runs of pieces are cyclic; one that passes the end is two messages.
    const auto runs = [&](int first, auto&& message) {
      const int before_end = std::min(pieces, members - first);
      message(begin(first), begin(first + before_end));
      if (before_end < pieces) message(begin(0), begin(pieces - before_end));
    };
    if (distance == 1) {
      schedule.send(rank_of(to), own, own_count);
      schedule.copy(own, output_at(begin(self)), own_count);
    } else {
      runs(self,
           [&](std::uint64_t first, std::uint64_t end) { schedule.send(rank_of(to), output_at(first), end - first); });
    }
    runs(from, [&](std::uint64_t first, std::uint64_t end) {
      schedule.receive(rank_of(from), output_at(first), end - first);
    });
  }
}

/// The same in as many steps, as far as possible between pairs: neighbours double what they have until blocks of a
/// power of two are complete, and blocks disseminate. Pairs keep in step with each other, and their pieces are in one
/// run.
template <class Begin, class RankOf>
void doubling_all_gather(int members, int self, Place own, Begin begin, RankOf rank_of, MessageSchedule& schedule) {
  const int width = members & -members;
  if (width == 1) return dissemination_all_gather(members, self, own, begin, rank_of, schedule);
  schedule.next_step();
  schedule.copy(own, output_at(begin(self)), begin(self + 1) - begin(self));
  for (int distance = 1; distance < width; distance *= 2) {
    const int held = self & -distance, missing = held ^ distance, peer = rank_of(self ^ distance);
    schedule.send(peer, distance == 1 ? own : output_at(begin(held)), begin(held + distance) - begin(held));
    schedule.receive(peer, output_at(begin(missing)), begin(missing + distance) - begin(missing));
    schedule.next_step();
  }
  const int block = self & -width;
  dissemination_all_gather(
      members / width, self / width, output_at(begin(block)), [&](int other) { return begin(other * width); },
      [&](int other) { return rank_of(other * width + self - block); }, schedule);
}

/// The same around a ring: each rank talks to its two neighbours only.
template <class Begin, class RankOf>
void ring_all_gather(int members, int self, Place own, Begin begin, RankOf rank_of, MessageSchedule& schedule) {
  schedule.next_step();
  schedule.copy(own, output_at(begin(self)), begin(self + 1) - begin(self));
  for (int step = 0; step + 1 < members; ++step) {
    const int given = (self - step + members) % members, taken = (self - step - 1 + members) % members;
    schedule.send(rank_of((self + 1) % members), step == 0 ? own : output_at(begin(given)),
                  begin(given + 1) - begin(given));
    schedule.receive(rank_of((self - 1 + members) % members), output_at(begin(taken)), begin(taken + 1) - begin(taken));
    schedule.next_step();
  }
}

/// The same in one step: everyone sends its piece to everyone.
template <class Begin, class RankOf>
void direct_all_gather(int members, int self, Place own, Begin begin, RankOf rank_of, MessageSchedule& schedule) {
  schedule.next_step();
  const std::uint64_t count = begin(self + 1) - begin(self);
  schedule.copy(own, output_at(begin(self)), count);
  for (int shift = 1; shift < members; ++shift) schedule.send(rank_of((self + shift) % members), own, count);
  for (int shift = 1; shift < members; ++shift) {
    const int member = (self - shift + members) % members;
    schedule.receive(rank_of(member), output_at(begin(member)), begin(member + 1) - begin(member));
  }
}

}  // namespace lockstep::detail
