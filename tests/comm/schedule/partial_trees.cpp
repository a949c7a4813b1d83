#include <lockstep/comm/schedule/expression_trees.hpp>
#include <lockstep/comm/schedule/partial_trees.hpp>

#include <doctest/doctest.h>

#include <vector>

using namespace lockstep::detail;

namespace {

std::vector<RankRange> partials_of(RankRange ranks, int size) {
  std::vector<RankRange> partials;
  for_each_partial_tree(ranks, size, [&](RankRange node) { partials.push_back(node); });
  return partials;
}

// Combines hosts of the given numbers of ranks in two levels.
ExpressionTrees::Tree in_two_levels(ExpressionTrees& trees, const std::vector<int>& hosts, int size) {
  std::vector<RankRange> partials;
  int begin = 0;
  for (const int ranks : hosts) {
    for_each_partial_tree({begin, begin + ranks}, size, [&](RankRange node) { partials.push_back(node); });
    begin += ranks;
  }
  std::vector<ExpressionTrees::Tree> values;
  for (const RankRange& node : partials) {
    values.push_back(trees.canonical(static_cast<std::size_t>(node.end - node.begin), [&](std::size_t i) {
      return ExpressionTrees::leaf(node.begin + static_cast<int>(i));
    }));
  }
  std::size_t combined = 0;
  for_each_combination(partials, size, [&](std::size_t left, std::size_t right) {
    values[left] = trees.combine(values[left], values[right]);
    ++combined;
  });
  CHECK(combined + 1 == partials.size());
  return values[0];
}

}  // namespace

TEST_CASE("a host combines the largest nodes of the tree that are its own") {
  CHECK(partials_of({0, 4}, 8) == std::vector<RankRange>{{0, 4}});
  CHECK(partials_of({4, 8}, 8) == std::vector<RankRange>{{4, 8}});
  CHECK(partials_of({0, 3}, 6) == std::vector<RankRange>{{0, 2}, {2, 3}});
  CHECK(partials_of({3, 6}, 6) == std::vector<RankRange>{{3, 4}, {4, 6}});
  CHECK(partials_of({1, 7}, 8) == std::vector<RankRange>{{1, 2}, {2, 4}, {4, 6}, {6, 7}});
  CHECK(partials_of({4, 7}, 7) == std::vector<RankRange>{{4, 7}});
  CHECK(partials_of({0, 5}, 5) == std::vector<RankRange>{{0, 5}});
  CHECK(partials_of({2, 2}, 5).empty());
}

TEST_CASE("any split of the ranks over hosts gives the canonical tree") {
  for (int size = 1; size <= 12; ++size) {
    ExpressionTrees trees(size);
    const ExpressionTrees::Tree whole = trees.canonical(
        static_cast<std::size_t>(size), [](std::size_t rank) { return ExpressionTrees::leaf(static_cast<int>(rank)); });
    for (unsigned cuts = 0; cuts < 1u << (size - 1); ++cuts) {
      std::vector<int> hosts{1};
      for (int rank = 1; rank < size; ++rank) {
        if (cuts >> (rank - 1) & 1) {
          hosts.push_back(1);
        } else {
          ++hosts.back();
        }
      }
      REQUIRE(trees.text(in_two_levels(trees, hosts, size)) == trees.text(whole));
    }
  }
}

TEST_CASE("hosts of equal size at scale") {
  for (const int ranks : {3, 6, 8, 12}) {
    const int size = 512 * ranks;
    ExpressionTrees trees(size);
    const ExpressionTrees::Tree whole = trees.canonical(
        static_cast<std::size_t>(size), [](std::size_t rank) { return ExpressionTrees::leaf(static_cast<int>(rank)); });
    CHECK(in_two_levels(trees, std::vector<int>(512, ranks), size) == whole);
  }
}
