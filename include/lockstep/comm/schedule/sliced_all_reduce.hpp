// The all_reduce of large vectors: reduce-scatter, then all-gather; every byte crosses a link twice and no more.
#pragma once

#include <lockstep/comm/schedule/collective_part.hpp>
#include <lockstep/comm/schedule/dissemination.hpp>
#include <lockstep/comm/schedule/halving.hpp>
#include <lockstep/comm/schedule/recursive_exchange.hpp>
#include <lockstep/comm/schedule/schedule.hpp>

#include <cstdint>

namespace lockstep::detail {

/// Ranks from which on a direct all-gather between blocks costs more than one that takes ceil(log2) steps.
inline constexpr int direct_all_gather_limit = 8;

/// Between the halvings and the doublings, blocks exchange slices of slices directly. With halvings == 0 that is all
/// (two steps for up to 8 ranks, size - 1 messages each, one rounding); with as many halvings as the size's power of
/// two allows it is recursive halving and doubling. Time: 2 halvings alpha + 2 alpha + 2 (blocks - 2) overhead + 2
/// (size - 1)/size N beta + (size - 1)/size N gamma; scratch at most N.
inline void sliced_all_reduce(const CollectivePart& part, int halvings, MessageSchedule& schedule) {
  const HalvingLayout layout(part, halvings);
  const Slices slices = Slices::of_vector(part);
  const Place own_slice = output_at(slices.at(part.size, layout.final_slice(part.rank)));
  halving_reduce_scatter(part, layout, slices, output_at(0), output_at(0), own_slice, schedule);

  const auto begin = [&](int block) {
    return slices.at(part.size, reversed(layout.position, halvings) * layout.blocks + block);
  };
  const auto rank_of = [&](int block) { return layout.rank_in(block); };
  if (layout.blocks <= direct_all_gather_limit) {
    direct_all_gather(layout.blocks, layout.block, own_slice, begin, rank_of, schedule);
  } else {
    doubling_all_gather(layout.blocks, layout.block, own_slice, begin, rank_of, schedule);
  }
  double_back(part, layout, slices, schedule);
}

/// The same for shorter vectors: blocks exchange whole slices recursively, in groups of `radix`.
/// Time: 2 halvings alpha + 2 (1 - 1/2^halvings) N beta, and that of recursive_exchange of N/2^halvings.
inline void halved_recursive_all_reduce(const CollectivePart& part, int halvings, int radix,
                                        MessageSchedule& schedule) {
  const HalvingLayout layout(part, halvings);
  const Slices slices = Slices::of_vector(part);
  const int slice = HalvingLayout::slice_after(halvings, layout.position);
  const Place own = output_at(slices.at(layout.width, slice));
  halve(part, layout, slices, output_at(0), output_at(0), own, schedule);
  const auto rank_of = [&](int block) { return layout.rank_in(block); };
  recursive_exchange(layout.blocks, layout.block, radix, own, slices.length(layout.width, slice), part.line(), rank_of,
                     schedule);
  double_back(part, layout, slices, schedule);
}

}  // namespace lockstep::detail
