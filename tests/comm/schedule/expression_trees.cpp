#include <lockstep/comm/schedule/expression_trees.hpp>

#include <doctest/doctest.h>

using namespace lockstep::detail;

TEST_CASE("equal trees are one tree, and sides matter") {
  ExpressionTrees trees(3);
  const auto a = ExpressionTrees::leaf(0), b = ExpressionTrees::leaf(1), c = ExpressionTrees::leaf(2);
  const auto ab = trees.combine(a, b);
  CHECK(trees.combine(b, a) != ab);
  CHECK(trees.combine(a, b) == ab);
  CHECK(trees.combine(ab, c) != trees.combine(a, trees.combine(b, c)));
  CHECK(trees.text(trees.combine(ab, c)) == "((0 1) 2)");
  CHECK(trees.text(0) == "nothing");
}

TEST_CASE("the canonical tree: the first half is the largest power of two below the count") {
  ExpressionTrees trees(40);
  const auto text = [&](std::size_t count) {
    return trees.text(
        trees.canonical(count, [](std::size_t rank) { return ExpressionTrees::leaf(static_cast<int>(rank)); }));
  };
  CHECK(text(1) == "0");
  CHECK(text(3) == "((0 1) 2)");
  CHECK(text(6) == "(((0 1) (2 3)) (4 5))");
  CHECK(text(7) == "(((0 1) (2 3)) ((4 5) 6))");
  CHECK(text(40) == "(a tree of 32 and 8 inputs)");
}

TEST_CASE("leaves can be compared without their order") {
  ExpressionTrees trees(3);
  const auto a = ExpressionTrees::leaf(0), b = ExpressionTrees::leaf(1), c = ExpressionTrees::leaf(2);
  CHECK(trees.same_leaves(trees.combine(a, b), trees.combine(b, a)));
  CHECK_FALSE(trees.same_leaves(trees.combine(a, b), trees.combine(a, c)));
  CHECK_FALSE(trees.same_leaves(trees.combine(a, a), trees.combine(a, b)));
  CHECK_FALSE(trees.same_leaves(a, trees.combine(a, b)));
}

TEST_CASE("trees stay what they are when the table grows") {
  ExpressionTrees trees(2000);
  const auto sum_of = [&](int last) {
    ExpressionTrees::Tree sum = ExpressionTrees::leaf(0);
    for (int rank = 1; rank <= last; ++rank) sum = trees.combine(sum, ExpressionTrees::leaf(rank));
    return sum;
  };
  const auto early = sum_of(30);
  sum_of(1999);
  CHECK(sum_of(30) == early);
}
