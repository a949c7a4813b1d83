// Every rank's piece for every other rank.
#pragma once

#include <lockstep/comm/schedule/collective_part.hpp>
#include <lockstep/comm/schedule/schedule.hpp>

#include <cstdint>

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

/// By way of others, for many ranks and short pieces: the piece for the rank i places on travels distance 2^k where bit
/// k of i is set, together with all others that do. Pieces are packed before each of these messages. Time: ceil(log2
/// size)(alpha + size/2 n (beta + gamma)); scratch (ceil(log2 size) + 1) size/2 n.
inline void disseminating_all_to_all(const CollectivePart& part, MessageSchedule& schedule) {
  // The numbers below `limit` that have the bit set, and which of them `number` is.
  const auto index_of = [](int number, int bit) { return (number >> (bit + 1) << bit) | (number & ((1 << bit) - 1)); };
  const auto count_of = [&](int limit, int bit) {
    return limit >> bit & 1 ? index_of(limit, bit) : (limit >> (bit + 1)) << bit;
  };
  const int steps = tree_height(part.size), longest = part.size / 2;
  const Place packed = schedule.allocate_scratch(part.piece_at(longest), part.line());
  const Place arrived = schedule.allocate_scratch(part.piece_at(steps * longest), part.line());
  // Where the piece lies that still has to go `distance` places as far as the bits from `step` on say.
  const auto place_of = [&](int distance, int step) {
    const int done = distance & ((1 << step) - 1);
    if (done == 0) return input_at(part.piece_at(part.after(distance)));
    const int last = tree_height(done + 1) - 1;  // the highest bit of `done`: the step in which the piece came here
    return arrived + part.piece_at(last * longest + index_of(distance, last));
  };
  for (int step = 0; step < steps; ++step) {
    schedule.next_step();
    for (int distance = 1 << step; distance < part.size; ++distance) {
      if ((distance >> step & 1) == 0) continue;
      schedule.copy(place_of(distance, step), packed + part.piece_at(index_of(distance, step)), part.count);
    }
    schedule.next_step();
    const std::uint64_t elements = part.piece_at(count_of(part.size, step));
    schedule.send(part.after(1 << step), packed, elements);
    schedule.receive(part.before(1 << step), arrived + part.piece_at(step * longest), elements);
  }
  schedule.next_step();
  for (int distance = 0; distance < part.size; ++distance) {
    schedule.copy(place_of(distance, steps), output_at(part.piece_at(part.before(distance))), part.count);
  }
}

}  // namespace lockstep::detail
