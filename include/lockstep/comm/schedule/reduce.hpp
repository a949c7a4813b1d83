// Reduce to a root, in the canonical order whichever rank the root is.
#pragma once

#include <lockstep/comm/schedule/collective_part.hpp>
#include <lockstep/comm/schedule/halving.hpp>
#include <lockstep/comm/schedule/schedule.hpp>

#include <algorithm>

namespace lockstep::detail {

/// The rank that holds the sum of the tree node of `width` ranks from `begin` on: the root if it is one of them.
constexpr int node_leader(int begin, int width, int root) {
  return root >= begin && root < begin + width ? root : begin;
}

/// Up the canonical tree, from the vector at `own`, which is the output (and then sums are formed there) or the input
/// (and then it is not written to). Time: ceil(log2 size)(alpha + N beta + N gamma); scratch N at inner ranks that do
/// not work in place.
inline void tree_reduce(const CollectivePart& part, Place own, MessageSchedule& schedule) {
  Place sums = output_at(0);
  bool has_sums = own == sums || part.rank == part.root;
  schedule.next_step();
  for (int width = 1; width < part.size; width *= 2) {
    const int begin = part.rank / width * width, sibling = begin ^ width;
    if (sibling >= part.size) continue;
    const int parent_leader = node_leader(std::min(begin, sibling), 2 * width, part.root);
    schedule.next_step();
    if (part.rank != parent_leader) {
      schedule.send(parent_leader, own, part.count);
      return;
    }
    if (!has_sums) sums = schedule.allocate_scratch(part.count, part.line());
    has_sums = true;
    schedule.receive_combined(node_leader(sibling, width, part.root),
                              begin < sibling ? OnArrival::as_right : OnArrival::as_left, own, sums, part.count,
                              2 * width >= part.size);
    own = sums;
  }
  if (part.size == 1) schedule.copy(own, sums, part.count);
}

/// Reduce-scatter, then slices are gathered at the root, through as many doublings as there were halvings.
/// Time: 2 halvings alpha + 2 (blocks - 1) overhead + 2 (size - 1)/size N beta + (size - 1)/size N gamma; scratch N.
inline void sliced_reduce(const CollectivePart& part, int halvings, MessageSchedule& schedule) {
  const HalvingLayout layout(part, halvings);
  const Slices slices = Slices::of_vector(part);
  const Place work = part.rank == part.root ? output_at(0) : schedule.allocate_scratch(part.count, part.line());
  const int final_slice = layout.final_slice(part.rank);
  const std::uint64_t begin = slices.at(part.size, final_slice);
  halving_reduce_scatter(part, layout, slices, input_at(0), work, work + begin, schedule);

  schedule.next_step();
  const int root_block = part.root / layout.width, root_position = part.root % layout.width;
  if (layout.block != root_block) {
    schedule.send(layout.rank_in(root_block), work + begin, slices.length(part.size, final_slice));
    return;
  }
  for (int shift = 1; shift < layout.blocks; ++shift) {
    const int peer = layout.rank_in((layout.block + shift) % layout.blocks);
    const int slice = layout.final_slice(peer);
    schedule.receive(peer, work + slices.at(part.size, slice), slices.length(part.size, slice));
  }
  for (int step = halvings - 1; step >= 0; --step) {
    schedule.next_step();
    const int distance = 1 << step, peer = part.rank ^ distance;
    const int held = HalvingLayout::slice_after(step + 1, layout.position), missing = held ^ 1;
    if ((layout.position ^ root_position) & distance) {
      schedule.send(peer, work + slices.at(2 * distance, held), slices.length(2 * distance, held));
      return;
    }
    schedule.receive(peer, work + slices.at(2 * distance, missing), slices.length(2 * distance, missing));
  }
}

}  // namespace lockstep::detail
