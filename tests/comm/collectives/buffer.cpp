#include "everywhere.hpp"
#include <lockstep/comm/collectives/buffer.hpp>
#include <lockstep/tensor/tensor.hpp>

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ls = lockstep;
using ls::testing::Point;

namespace {

template <class B>
inline constexpr bool in_place = ls::OutputBuffer<B> && !ls::TemporaryBuffer<B> && !ls::Value<B>;
template <class B>
inline constexpr bool handed_over = !ls::OutputBuffer<B> && ls::TemporaryBuffer<B> && !ls::Value<B>;
template <class B>
inline constexpr bool by_value = !ls::OutputBuffer<B> && !ls::TemporaryBuffer<B> && ls::Value<B>;
template <class B>
inline constexpr bool read_only = !ls::OutputBuffer<B> && !ls::TemporaryBuffer<B> && !ls::Value<B> && ls::Input<B>;
template <class B>
inline constexpr bool refused = !ls::OutputBuffer<B> && !ls::TemporaryBuffer<B> && !ls::Value<B> && !ls::Input<B>;

static_assert(in_place<std::vector<float>&> && in_place<std::array<Point, 2>&> && in_place<double (&)[3]>);
static_assert(in_place<ls::Tensor<float>&> && in_place<std::string&>);
static_assert(in_place<std::span<float>> && in_place<std::span<float>&> && in_place<const std::span<float>&>);
static_assert(in_place<ls::TensorView<float>> && in_place<std::span<float, 3>>);
static_assert(handed_over<std::vector<float>> && handed_over<std::array<int, 2>> && handed_over<ls::Tensor<float>>);
static_assert(by_value<float> && by_value<const int&> && by_value<Point> && by_value<bool> && by_value<ls::DType>);
static_assert(read_only<const std::vector<float>&> && read_only<std::span<const float>> &&
              read_only<ls::TensorView<const float>> && read_only<std::string_view> &&
              read_only<const ls::Tensor<float>&>);
static_assert(refused<float*> && refused<std::vector<float*>&> && refused<std::vector<std::string>&> &&
              refused<std::unique_ptr<int>> && refused<std::vector<bool>&> && refused<std::nullptr_t> &&
              refused<int Point::*>);

static_assert(std::is_same_v<ls::BufferElement<const std::vector<Point>&>, Point>);
static_assert(std::is_same_v<ls::BufferElement<ls::TensorView<const float>>, float>);
static_assert(std::is_same_v<ls::BufferElement<int&>, int>);
static_assert(ls::OutputFor<std::vector<float>&, float> && !ls::OutputFor<std::vector<double>&, float>);
static_assert(ls::Gatherable<Point> && !ls::Gatherable<bool> && !ls::Gatherable<std::string>);

}  // namespace

TEST_CASE("buffers and values are seen as spans of elements") {
  std::vector<float> numbers{1, 2, 3};
  CHECK(ls::detail::elements_of(numbers).data() == numbers.data());
  CHECK(ls::detail::elements_of(numbers).size() == 3);
  const int one = 7;
  CHECK(ls::detail::elements_of(one)[0] == 7);
  double array[2] = {4, 5};
  CHECK(ls::detail::elements_of(array)[1] == 5);
  ls::Tensor<float> tensor(ls::Shape{2, 2});
  tensor[3] = 9;
  CHECK(ls::detail::elements_of(tensor).size() == 4);
  CHECK(ls::detail::input_of(tensor)[3] == 9);
}

TEST_CASE("elements travel as what they are, all else as bytes") {
  std::vector<ls::BFloat16> halves(3);
  static_assert(std::is_same_v<decltype(ls::detail::wire_of(halves)), std::span<ls::BFloat16>>);
  static_assert(std::is_same_v<decltype(ls::detail::input_of(halves)), std::span<const ls::BFloat16>>);
  std::vector<Point> points(3);
  static_assert(std::is_same_v<decltype(ls::detail::wire_of(points)), std::span<std::uint8_t>>);
  CHECK(ls::detail::wire_of(points).size() == 3 * sizeof(Point));
  CHECK(ls::detail::input_of(points).data() == reinterpret_cast<const std::uint8_t*>(points.data()));
}
