// Views: elements, shapes, rows, and the one direction in which const converts.
#include <lockstep/tensor/tensor_view.hpp>

#include <doctest/doctest.h>

#include <type_traits>
#include <vector>

using namespace lockstep;

TEST_CASE("elements and extents") {
  std::vector<float> memory{1, 2, 3, 4, 5, 6};
  const TensorView<float> view{memory.data(), {2, 3}};
  CHECK(view.numel() == 6);
  CHECK(view.rank() == 2);
  CHECK(view.extent(-1) == 3);
  CHECK(view[4] == 5);
  view[4] = 50;
  CHECK(memory[4] == 50);
  CHECK(view.span().size() == 6);
  CHECK(TensorView<float>{}.numel() == 0);
}

TEST_CASE("a writable view is also a read-only one, not the reverse") {
  static_assert(std::is_convertible_v<TensorView<float>, TensorView<const float>>);
  static_assert(!std::is_convertible_v<TensorView<const float>, TensorView<float>>);
  float value = 2;
  const TensorView<const float> view = TensorView<float>{&value, {}};
  CHECK(view.item() == 2);
}

TEST_CASE("one element, another shape, some rows") {
  std::vector<int> memory{1, 2, 3, 4, 5, 6};
  const TensorView<const int> view{memory.data(), {3, 2}};
  CHECK_THROWS_WITH_AS(static_cast<void>(view.item()), "item: one element is needed, the shape is [3, 2]", ShapeError);
  CHECK(view.reshaped({2, 3}).shape == Shape{2, 3});
  CHECK(view.reshaped({2, 3}).data == memory.data());
  CHECK_THROWS_AS(static_cast<void>(view.reshaped({4})), ShapeError);
  const auto rows = view.rows(1, 3);
  CHECK(rows.shape == Shape{2, 2});
  CHECK(rows[0] == 3);
  CHECK(view.rows(3, 3).numel() == 0);
  CHECK_THROWS_AS(static_cast<void>(view.rows(1, 4)), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(view.rows(2, 1)), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(view.rows(-1, 1)), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(TensorView<const int>(memory.data(), {}).rows(0, 1)), ShapeError);
}
