// Reductions in two levels: what a host can combine of its own ranks before it talks to others, so that the result is
// that of the canonical tree over all ranks, whatever the number of ranks on each host.
#pragma once

#include <bit>
#include <cstddef>
#include <span>

namespace lockstep::detail {

/// The ranks [begin, end).
struct RankRange {
  int begin = 0, end = 0;
  bool operator==(const RankRange&) const = default;
};

/// Whether a node of the canonical tree over `size` ranks has the children `left` and `right`.
constexpr bool are_siblings(RankRange left, RankRange right, int size) {
  const int width = left.end - left.begin;
  const int parent_end = left.begin + 2 * width < size ? left.begin + 2 * width : size;
  return left.end == right.begin && std::has_single_bit(static_cast<unsigned>(width)) &&
         left.begin % (2 * width) == 0 && right.end == parent_end;
}

/// Calls `each` with the largest nodes of the canonical tree over `size` ranks that lie within `ranks`, in rank order:
/// one where the host has an aligned power of two of ranks (or all, or all from an aligned one on), and at most
/// 2 log2(size). Combining the ranks of each with reduce_slice gives the node's value.
template <class Each>
constexpr void for_each_partial_tree(RankRange ranks, int size, Each each, RankRange node = {0, -1}) {
  if (node.end < 0) node.end = size;
  if (node.begin >= ranks.end || node.end <= ranks.begin) return;
  if (node.begin >= ranks.begin && node.end <= ranks.end) {
    each(node);
    return;
  }
  const int middle = node.begin + static_cast<int>(std::bit_floor(static_cast<unsigned>(node.end - node.begin - 1)));
  for_each_partial_tree(ranks, size, each, {node.begin, middle});
  for_each_partial_tree(ranks, size, each, {middle, node.end});
}

/// The partial trees of all hosts, in rank order, make up the whole tree: calls `combine(left, right)` with indices
/// into `partials`, in such an order that left = left o right at each call leaves the result at index 0.
template <class Combine>
constexpr void for_each_combination(std::span<const RankRange> partials, int size, Combine combine) {
  // Nodes whose right sibling is still to come; of each width there is one at most.
  struct Open {
    RankRange ranks;
    std::size_t index = 0;
  };
  Open open[34];
  std::size_t count = 0;
  for (std::size_t index = 0; index < partials.size(); ++index) {
    open[count++] = {partials[index], index};
    while (count > 1 && are_siblings(open[count - 2].ranks, open[count - 1].ranks, size)) {
      combine(open[count - 2].index, open[count - 1].index);
      open[count - 2].ranks.end = open[count - 1].ranks.end;
      --count;
    }
  }
}

}  // namespace lockstep::detail
