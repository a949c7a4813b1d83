#include <lockstep/nn/parameter_layout.hpp>

#include <doctest/doctest.h>

using namespace lockstep;

namespace {

struct Net {
  Parameter first{Shape{3}}, frozen{Shape{5}, init::zeros(), false}, second{Shape{17}}, empty{Shape{0}};
  LOCKSTEP_FIELDS(first, frozen, second, empty)
};
struct Twice {
  Parameter weight{Shape{1}};
  LOCKSTEP_FIELDS(weight, weight)
};

}  // namespace

TEST_CASE("trainable parameters come first, each on a 64-byte boundary") {
  const auto layout = ParameterLayout::of(Net{}, sizeof(float));
  REQUIRE(layout.ranges.size() == 4);
  CHECK(layout.trainable_count == 3);
  CHECK(layout.ranges[0].name == "first");
  CHECK(layout.ranges[1].name == "second");
  CHECK(layout.ranges[1].offset == 16);
  CHECK(layout.ranges[2].name == "empty");
  CHECK(layout.trainable_size == 16 + 32);
  CHECK(layout.ranges[3].name == "frozen");
  CHECK(layout.ranges[3].offset == 48);
  CHECK(layout.size == 64);
  CHECK(ParameterLayout::of(Net{}, sizeof(double)).ranges[1].offset == 8);
}

TEST_CASE("a field listed twice is refused by name") {
  CHECK_THROWS_WITH_AS(ParameterLayout::of(Twice{}, 4), doctest::Contains("'weight'"), ArgumentError);
}
