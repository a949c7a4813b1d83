// Reduce-scatter in the canonical order: halving at distance 1, 2, 4, ... then a direct exchange between the blocks.
#pragma once

#include <lockstep/comm/schedule/collective_part.hpp>
#include <lockstep/comm/schedule/schedule.hpp>

#include <bit>
#include <cstdint>

namespace lockstep::detail {

/// The ranks as `blocks` blocks of 2^halvings neighbours: rank = block * 2^halvings + position. Halving at distance
/// 1, 2, 4, ... leaves each rank with 1/2^halvings of its block's sum, which is a node of the canonical tree; the tree
/// over the blocks is then combined at once. The result is canonical for any number of blocks.
struct HalvingLayout {
  int halvings = 0;
  int width = 1;
  int blocks = 1;
  int position = 0;
  int block = 0;

  /// The most halvings that leave no block with fewer ranks than the others.
  static constexpr int most_halvings(int size) { return std::countr_zero(static_cast<unsigned>(size)); }

  constexpr HalvingLayout(const CollectivePart& part, int halvings_)
      : halvings(halvings_),
        width(1 << halvings_),
        blocks(part.size >> halvings_),
        position(part.rank & (width - 1)),
        block(part.rank >> halvings_) {}

  /// The rank at this position in another block.
  constexpr int rank_in(int other) const { return other * width + position; }

  /// The slice of `2^steps` slices that a rank at `at` holds after `steps` halvings.
  static constexpr int slice_after(int steps, int at) { return reversed(at & ((1 << steps) - 1), steps); }

  /// The place, among slices of 1/size in the order of the vector, of the one that `rank` ends with.
  constexpr int final_slice(int rank) const {
    return reversed(rank & (width - 1), halvings) * blocks + (rank >> halvings);
  }
};

/// Slices of a vector, cut at lines or where pieces of equal length meet.
struct Slices {
  std::uint64_t count = 0;
  std::uint64_t line = 1;

  static constexpr Slices of_vector(const CollectivePart& part) { return {part.count, part.line()}; }
  /// `size` pieces of `part.count` elements, of which slices are made of whole ones.
  static constexpr Slices of_pieces(const CollectivePart& part) {
    return {part.pieces(), part.count == 0 ? 1 : part.count};
  }

  constexpr std::uint64_t at(int slices, int index) const { return cut(count, line, slices, index); }
  constexpr std::uint64_t length(int slices, int index) const { return at(slices, index + 1) - at(slices, index); }
};

/// The halvings of a vector at `own`: partial sums go to `work`, which is `own` or as large; `own` is not written to
/// where it is another place. Where there is one block only, the sum's slice goes to `result`. Returns where the slice
/// of the block's sum lies within a vector: `own` or `work`.
inline Place halve(const CollectivePart& part, const HalvingLayout& layout, const Slices& slices, Place own, Place work,
                   Place result, MessageSchedule& schedule) {
  for (int step = 0; step < layout.halvings; ++step) {
    schedule.next_step();
    const int distance = 1 << step, peer = part.rank ^ distance;
    const bool left = (layout.position & distance) == 0;
    const int kept = HalvingLayout::slice_after(step + 1, layout.position), given = kept ^ 1;
    const std::uint64_t begin = slices.at(2 * distance, kept), given_begin = slices.at(2 * distance, given);
    const bool completes = 2 * distance == part.size;
    schedule.send(peer, own + given_begin, slices.length(2 * distance, given));
    schedule.receive_combined(peer, left ? OnArrival::as_right : OnArrival::as_left, own + begin,
                              completes ? result : work + begin, slices.length(2 * distance, kept), completes);
    own = work;
  }
  return own;
}

/// The doublings that undo them: everyone in the block ends with all slices, in the output.
inline void double_back(const CollectivePart& part, const HalvingLayout& layout, const Slices& slices,
                        MessageSchedule& schedule) {
  for (int step = layout.halvings - 1; step >= 0; --step) {
    schedule.next_step();
    const int distance = 1 << step, peer = part.rank ^ distance;
    const int held = HalvingLayout::slice_after(step + 1, layout.position), missing = held ^ 1;
    schedule.send(peer, output_at(slices.at(2 * distance, held)), slices.length(2 * distance, held));
    schedule.receive(peer, output_at(slices.at(2 * distance, missing)), slices.length(2 * distance, missing));
  }
}

/// Reduces a vector at `own`, leaving the sum's slice `final_slice(rank)` of `size` at `result`, where it may lie in
/// `work`; places as in `halve`.
/// Time: halvings alpha + alpha + (blocks - 2) overhead + (size - 1)/size N (beta + gamma).
inline void halving_reduce_scatter(const CollectivePart& part, const HalvingLayout& layout, const Slices& slices,
                                   Place own, Place work, Place result, MessageSchedule& schedule) {
  own = halve(part, layout, slices, own, work, result, schedule);
  const int final_slice = layout.final_slice(part.rank);
  const std::uint64_t kept_begin = slices.at(part.size, final_slice);
  const std::uint64_t kept_count = slices.length(part.size, final_slice);
  if (layout.blocks == 1) {
    if (part.size == 1) {
      schedule.next_step();
      schedule.copy(own + kept_begin, result, kept_count);
    }
    return;
  }
  schedule.next_step();
  for (int shift = 1; shift < layout.blocks; ++shift) {
    const int peer = layout.rank_in((layout.block + shift) % layout.blocks);
    const int slice = layout.final_slice(peer);
    schedule.send(peer, own + slices.at(part.size, slice), slices.length(part.size, slice));
  }
  for (int block = 0; block < layout.blocks; ++block) {
    if (block == layout.block) {
      schedule.operand(own + kept_begin);
      continue;
    }
    const Place arrived = schedule.allocate_scratch(kept_count, part.line());
    schedule.receive(layout.rank_in(block), arrived, kept_count);
    schedule.operand(arrived);
  }
  schedule.combine(result, kept_count, true, true);
}

}  // namespace lockstep::detail
