// Who is in which part after a split: every rank computes it from the same list.
#pragma once

#include <lockstep/comm/call/call_checks.hpp>
#include <lockstep/core/on_demand.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lockstep::detail {

/// This rank's part of a split communicator.
struct SplitPlan {
  int rank = 0;              ///< In the part.
  std::vector<int> members;  ///< Ranks of the old communicator, by rank in the part.

  int size() const { return static_cast<int>(members.size()); }
};

/// `colors_and_keys` holds a color and a key for each rank. Members are in the order of their keys, then of their
/// ranks.
LOCKSTEP_ON_DEMAND SplitPlan plan_split(std::span<const std::int32_t> colors_and_keys, int own) {
  const auto color = [&](int rank) { return colors_and_keys[2 * static_cast<std::size_t>(rank)]; };
  const auto key = [&](int rank) { return colors_and_keys[2 * static_cast<std::size_t>(rank) + 1]; };
  SplitPlan plan;
  for (int rank = 0; rank < static_cast<int>(colors_and_keys.size() / 2); ++rank) {
    if (color(rank) != color(own)) continue;
    auto place = plan.members.end();  // insertion sort: stable, and no instantiation of std::sort
    while (place != plan.members.begin() && key(*(place - 1)) > key(rank)) --place;
    plan.members.insert(place, rank);
  }
  while (plan.members[static_cast<std::size_t>(plan.rank)] != own) ++plan.rank;
  return plan;
}

/// Tells all ranks this one's color and key, and learns theirs.
template <class C>
SplitPlan exchange_split(C& communicator, int color, int key) {
  check_color(color);
  const std::int32_t own[2] = {color, key};
  std::vector<std::int32_t> all(2 * static_cast<std::size_t>(communicator.size()));
  communicator.all_gather(std::span<const std::int32_t>(own), std::span<std::int32_t>(all));
  return plan_split(all, communicator.rank());
}

}  // namespace lockstep::detail
