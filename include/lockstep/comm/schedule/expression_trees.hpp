// Sums as trees over ranks, each tree a number: equal trees have equal numbers, so that a proof compares integers.
#pragma once

#include <lockstep/core/concat.hpp>
#include <lockstep/core/on_demand.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lockstep::detail {

/// A table of all trees that were made. Tree 0 is none; tree r + 1 is the input of rank r.
class ExpressionTrees {
 public:
  using Tree = std::uint32_t;

  explicit ExpressionTrees(int ranks) {
    nodes_.resize(static_cast<std::size_t>(ranks) + 1);
    for (std::size_t leaf = 1; leaf < nodes_.size(); ++leaf) {
      nodes_[leaf] = {0, 0, 1, leaf * 0x9E3779B97F4A7C15u ^ (leaf * 0xC2B2AE3D27D4EB4Fu) >> 29};
    }
    index_.resize(64);
  }

  static constexpr Tree leaf(int rank) { return static_cast<Tree>(rank) + 1; }

  Tree combine(Tree left, Tree right) {
    if (left == last_left_ && right == last_right_) return last_;
    if (2 * (nodes_.size() + 1) > index_.size()) rehash();
    Tree& slot = slot_of(left, right);
    if (slot == 0) {
      slot = static_cast<Tree>(nodes_.size());
      nodes_.push_back(
          {left, right, nodes_[left].leaves + nodes_[right].leaves, nodes_[left].content + nodes_[right].content});
    }
    last_left_ = left;
    last_right_ = right;
    return last_ = slot;
  }

  /// The canonical tree over `count` operands, as reduce_slice combines them.
  template <class Operand>
  Tree canonical(std::size_t count, Operand operand, std::size_t first = 0) {
    if (count == 1) return operand(first);
    const std::size_t half = std::bit_floor(count - 1);
    const Tree left = canonical(half, operand, first);
    return combine(left, canonical(count - half, operand, first + half));
  }

  /// Whether the trees have the same leaves, in any order.
  bool same_leaves(Tree a, Tree b) const {
    return nodes_[a].leaves == nodes_[b].leaves && nodes_[a].content == nodes_[b].content;
  }

  /// As in "((0 1) 2)"; large trees are described.
  std::string text(Tree tree) const {
    if (tree == 0) return "nothing";
    if (nodes_[tree].left == 0) return concat(tree - 1);
    if (nodes_[tree].leaves > 16) {
      return concat("(a tree of ", nodes_[nodes_[tree].left].leaves, " and ", nodes_[nodes_[tree].right].leaves,
                    " inputs)");
    }
    return concat("(", text(nodes_[tree].left), " ", text(nodes_[tree].right), ")");
  }

 private:
  struct Node {
    Tree left = 0, right = 0;
    std::uint32_t leaves = 0;
    std::uint64_t content = 0;  // the sum of a hash over the leaves
  };

  Tree& slot_of(Tree left, Tree right) {
    std::size_t at = (left * 0x9E3779B97F4A7C15u ^ right * 0xC2B2AE3D27D4EB4Fu) >> 20;
    for (;; ++at) {
      Tree& slot = index_[at & (index_.size() - 1)];
      if (slot == 0 || (nodes_[slot].left == left && nodes_[slot].right == right)) return slot;
    }
  }

  void rehash() {
    index_.assign(std::bit_ceil(4 * nodes_.size() + 64), 0);
    for (std::size_t node = 1; node < nodes_.size(); ++node) {
      if (nodes_[node].left != 0) slot_of(nodes_[node].left, nodes_[node].right) = static_cast<Tree>(node);
    }
  }

  std::vector<Node> nodes_;
  std::vector<Tree> index_;
  Tree last_left_ = 0, last_right_ = 0, last_ = 0;
};

}  // namespace lockstep::detail
