// Variables: what they know, copies, absent ones, and handles that stand for them.
#include "tape_fixture.hpp"

#include <doctest/doctest.h>

#include <type_traits>

using namespace check;

TEST_CASE("a variable knows its shape, value and tape") {
  Fixture f;
  const Values memory{1, 2, 3, 4, 5, 6};
  const auto x = f.tape.variable({memory.data(), {2, 3}});
  CHECK(x.shape() == Shape{2, 3});
  CHECK(x.rank() == 2);
  CHECK(x.extent(-1) == 3);
  CHECK(x.numel() == 6);
  CHECK(x.requires_grad());
  CHECK(x.has_value());
  CHECK(x.value().data == memory.data());
  CHECK(&x.tape() == &f.tape);
  const FixtureVar copy = x;
  CHECK(&copy.slot() == &x.slot());
}

TEST_CASE("variables are small, and the same type whatever made them") {
  static_assert(std::is_trivially_copyable_v<FixtureVar> && sizeof(FixtureVar) <= 24);
  static_assert(Variable<FixtureVar> && Variable<const FixtureVar&> && !Variable<double>);
  Fixture f;
  auto h = f.tape.scalar(0.5);
  for (int i = 0; i < 3; ++i) h = tanh(h) + h;
  static_assert(std::is_same_v<decltype(h), FixtureVar>);
  CHECK(h.item() > 0.5);
}

TEST_CASE("a variable without a value says so") {
  const FixtureVar none;
  CHECK_FALSE(none.has_value());
  CHECK(none.slot_or_null() == nullptr);
  CHECK_THROWS_WITH_AS(static_cast<void>(none.shape()), "a variable without a value was used", ArgumentError);
  CHECK_THROWS_AS(static_cast<void>(tanh(none)), ArgumentError);
  Fixture f;
  CHECK_THROWS_AS(static_cast<void>(f.tape.scalar(1) + none), Error);
  CHECK_THROWS_AS(static_cast<void>(none + f.tape.scalar(1)), Error);
}

TEST_CASE("handles stand for the variables of their parameters") {
  struct Derived : ParameterHandle {};
  static_assert(OperandFor<ParameterHandle, FixtureVar> && OperandFor<Derived, FixtureVar> &&
                OperandFor<FixtureVar, FixtureVar> && !OperandFor<double, FixtureVar>);
  Fixture f;
  const Derived p{f.add({7})};
  const auto x = f.tape.scalar(1);
  CHECK(as_variable(x, p).item() == 7);
  CHECK(&as_variable(x, x).slot() == &x.slot());
}
