// Tensors own their elements: construction, copies, other shapes.
#include <lockstep/tensor/tensor.hpp>

#include <doctest/doctest.h>

#include <type_traits>
#include <vector>

using namespace lockstep;

TEST_CASE("new tensors are zero, or filled, or given their elements") {
  const Tensor<float> zeros({2, 3});
  for (float value : zeros.span()) CHECK(value == 0);
  CHECK(zeros.shape() == Shape{2, 3});
  const auto sevens = Tensor<std::int32_t>::full({4}, 7);
  for (std::int32_t value : sevens.span()) CHECK(value == 7);
  const auto listed = Tensor<double>::from({2, 2}, {1, 2, 3, 4});
  CHECK(listed[3] == 4);
  const std::vector<std::uint8_t> bytes{9, 8};
  CHECK(Tensor<std::uint8_t>::from({2}, std::span<const std::uint8_t>(bytes))[1] == 8);
  CHECK_THROWS_WITH_AS(static_cast<void>(Tensor<double>::from({3}, {1, 2})), "Tensor::from: [3] needs 3 values, got 2",
                       ShapeError);
  CHECK(Tensor<float>{}.numel() == 0);
}

TEST_CASE("tensors move, and are copied by name only") {
  static_assert(!std::is_copy_constructible_v<Tensor<float>> && std::is_nothrow_move_constructible_v<Tensor<float>>);
  auto a = Tensor<float>::from({2}, {1, 2});
  auto b = a.clone();
  b[0] = 10;
  CHECK(a[0] == 1);
  const float* address = a.data();
  const Tensor<float> c = std::move(a);
  CHECK(c.data() == address);
}

TEST_CASE("a smaller shape keeps the memory, a larger one gets its own") {
  Tensor<float> tensor({4, 4});
  const float* address = tensor.data();
  tensor.resize({2, 3});
  CHECK(tensor.data() == address);
  CHECK(tensor.shape() == Shape{2, 3});
  tensor.resize({4, 4});
  CHECK(tensor.data() == address);
  tensor.resize({5, 5});
  CHECK(tensor.numel() == 25);
  tensor[24] = 1;
  CHECK_THROWS_AS(tensor.resize({std::int64_t{1} << 60}), std::bad_alloc);
  CHECK(tensor.shape() == Shape{5, 5});  // what cannot be had changes nothing
  CHECK(tensor[24] == 1);
}

TEST_CASE("views see the elements") {
  auto tensor = Tensor<float>::from({}, {3});
  CHECK(tensor.item() == 3);
  const TensorView<float> view = tensor;
  view[0] = 4;
  CHECK(tensor.item() == 4);
  const TensorView<const float> constant = tensor;
  CHECK(constant.item() == 4);
  CHECK_THROWS_AS(static_cast<void>(Tensor<float>({2}).item()), ShapeError);
}
