// Extents, element counts, negative dimensions, broadcasting, and what is refused.
#include <lockstep/core/shape.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

using namespace lockstep;

TEST_CASE("extents and element counts") {
  const Shape shape{2, 3, 4};
  CHECK(shape.rank() == 3);
  CHECK(shape.numel() == 24);
  CHECK(shape[0] == 2);
  CHECK(shape[-1] == 4);
  CHECK(std::vector<std::int64_t>(shape.begin(), shape.end()) == std::vector<std::int64_t>{2, 3, 4});
  CHECK(Shape{}.rank() == 0);
  CHECK(Shape{}.numel() == 1);
  CHECK(Shape{3, 0, 2}.numel() == 0);
  CHECK(Shape{3, 0, 2}.with(1, 5).numel() == 30);
}

TEST_CASE("equality and text") {
  CHECK(Shape{2, 3} == Shape{2, 3});
  CHECK_FALSE(Shape{2, 3} == Shape{3, 2});
  CHECK_FALSE(Shape{2} == Shape{2, 1});
  CHECK(to_string(Shape{2, 3}) == "[2, 3]");
  CHECK(to_string(Shape{}) == "[]");
}

TEST_CASE("parts") {
  const Shape shape{2, 3, 4};
  CHECK(shape.with(-1, 7) == Shape{2, 3, 7});
  CHECK(shape.slice(1, 3) == Shape{3, 4});
  CHECK(shape.slice(1, 1) == Shape{});
  CHECK(shape.normalize(-3) == 0);
  Shape longer = shape;
  longer.push_back(5);
  CHECK(longer == Shape{2, 3, 4, 5});
}

TEST_CASE("what is refused") {
  CHECK_THROWS_AS(static_cast<void>(Shape{1, 2, 3, 4, 5, 6, 7}), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(Shape{2, -1}), ShapeError);
  constexpr std::int64_t huge = std::int64_t{1} << 32;
  CHECK_THROWS_AS(static_cast<void>(Shape{huge, huge}), ShapeError);
  CHECK(Shape{huge, 1 << 28}.numel() == std::int64_t{1} << 60);
  CHECK_THROWS_AS(static_cast<void>(Shape{huge, 1 << 29}), ShapeError);  // its bytes would not be countable
  CHECK_THROWS_AS(static_cast<void>(Shape{2}[1]), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(Shape{2}[-2]), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(Shape{}.normalize(0)), ShapeError);
  Shape full{1, 1, 1, 1, 1, 1};
  CHECK_THROWS_AS(full.push_back(1), ShapeError);
}

TEST_CASE("shapes are usable at compile time") {
  static_assert(Shape{2, 3}.numel() == 6);
  constexpr Shape together = broadcast_shapes(Shape{2, 1}, Shape{3}, "test");
  CHECK(together == Shape{2, 3});
}

TEST_CASE("broadcasting") {
  CHECK(broadcast_shapes({}, {}, "test") == Shape{});
  CHECK(broadcast_shapes({2, 3}, {}, "test") == Shape{2, 3});
  CHECK(broadcast_shapes({3}, {2, 3}, "test") == Shape{2, 3});
  CHECK(broadcast_shapes({2, 1, 3}, {4, 1}, "test") == Shape{2, 4, 3});
  CHECK(broadcast_shapes({0, 3}, {1, 1}, "test") == Shape{0, 3});
  CHECK(broadcast_shapes({1}, {0}, "test") == Shape{0});
  CHECK_THROWS_WITH_AS(static_cast<void>(broadcast_shapes({2, 3}, {2}, "add")),
                       "add: cannot broadcast [2, 3] with [2]; extents must be equal or 1, counted from the last "
                       "dimension",
                       ShapeError);
  CHECK_THROWS_AS(static_cast<void>(broadcast_shapes({0}, {2}, "add")), ShapeError);
}
