// The switch that finds an op's type again, over lists that are shorter and longer than one block of cases.
#include <lockstep/autograd/record.hpp>

#include <doctest/doctest.h>

#include <utility>

using namespace lockstep;

namespace {

template <std::size_t N>
struct Numbered {
  static constexpr std::size_t number = N;
};

template <class Sequence>
struct ListOf;
template <std::size_t... I>
struct ListOf<std::index_sequence<I...>> {
  using type = OpList<Numbered<I>...>;
};

template <std::size_t Size>
void check_switch() {
  using List = typename ListOf<std::make_index_sequence<Size>>::type;
  for (std::size_t i = 0; i < Size; ++i) {
    std::size_t visited = 1000;
    int visits = 0;
    detail::switch_on_op<List>(i, [&]<class Op>() {
      visited = Op::number;
      ++visits;
    });
    CHECK(visited == i);
    CHECK(visits == 1);
  }
}

}  // namespace

TEST_CASE("every op of a list is found once") {
  check_switch<1>();
  check_switch<15>();
  check_switch<16>();
  check_switch<17>();
  check_switch<50>();
}

TEST_CASE("an absent input is an empty view") {
  const TensorView<const float> none = detail::view_of<float>(nullptr);
  CHECK(none.data == nullptr);
  CHECK(none.shape == Shape{0});
  Slot<float> slot;
  float value = 3;
  slot.value = &value;
  CHECK(detail::view_of(&slot).item() == 3);
}
