// The all_reduce of large vectors: reduce-scatter, then all-gather; every byte crosses a link twice and no more.
#pragma once

#include <lockstep/comm/schedule/collective_part.hpp>
#include <lockstep/comm/schedule/dissemination.hpp>
#include <lockstep/comm/schedule/halving.hpp>
#include <lockstep/comm/schedule/schedule.hpp>

#include <cstdint>

namespace lockstep::detail {

/// Ranks from which on a direct all-gather between blocks costs more than one that takes ceil(log2) steps.
inline constexpr int direct_all_gather_limit = 8;

/// With halvings == 0 a direct exchange of slices (two steps for up to 8 ranks, size - 1 messages each, one rounding);
/// with as many as the size's power of two allows, recursive halving and doubling; between them the mixture.
/// Time: 2 halvings alpha + 2 alpha + 2 (blocks - 1) overhead + 2 (size - 1)/size N beta + (size - 1)/size N gamma;
/// scratch at most N.
inline void sliced_all_reduce(const CollectivePart& part, int halvings, MessageSchedule& schedule) {
  const HalvingLayout layout(part, halvings);
  const Slices slices = Slices::of_vector(part);
  const Place own_slice = output_at(slices.at(part.size, layout.final_slice(part.rank)));
  halving_reduce_scatter(part, layout, slices, output_at(0), output_at(0), own_slice, schedule);

  const auto begin = [&](int block) {
    return slices.at(part.size, reversed(layout.position, halvings) * layout.blocks + block);
  };
  const auto rank_of = [&](int block) { return block * layout.width + layout.position; };
  if (layout.blocks <= direct_all_gather_limit) {
    direct_all_gather(layout.blocks, layout.block, own_slice, begin, rank_of, schedule);
  } else {
    dissemination_all_gather(layout.blocks, layout.block, own_slice, begin, rank_of, schedule);
  }
  for (int step = halvings - 1; step >= 0; --step) {
    schedule.next_step();
    const int distance = 1 << step, peer = part.rank ^ distance;
    const int held = HalvingLayout::slice_after(step + 1, layout.position), missing = held ^ 1;
    schedule.send(peer, output_at(slices.at(2 * distance, held)), slices.length(2 * distance, held));
    schedule.receive(peer, output_at(slices.at(2 * distance, missing)), slices.length(2 * distance, missing));
  }
}

}  // namespace lockstep::detail
