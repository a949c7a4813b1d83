// Parameters by index: stable addresses, and handles that were never bound.
#include <lockstep/autograd/parameter_table.hpp>

#include <doctest/doctest.h>

using namespace lockstep;

TEST_CASE("slots keep their address and know their index") {
  ParameterTable<float> table;
  float value = 1;
  float gradient = 0;
  const ParameterHandle first = table.add(&value, &gradient, {1}, true);
  const Slot<float>* address = &table.at(first);
  for (int i = 0; i < 100; ++i) static_cast<void>(table.add(&value, nullptr, {1}, false));
  CHECK(&table.at(first) == address);
  CHECK(table.size() == 101);
  CHECK(table[0].requires_grad);
  CHECK(table[0].gradient == &gradient);
  CHECK_FALSE(table[0].has_gradient);
  CHECK_FALSE(table[100].requires_grad);
  CHECK(table[100].parameter == 100);
}

TEST_CASE("handles without a parameter are refused") {
  ParameterTable<float> table;
  CHECK_FALSE(ParameterHandle{}.bound());
  CHECK_THROWS_AS(static_cast<void>(table.at(ParameterHandle{})), ArgumentError);
  CHECK_THROWS_AS(static_cast<void>(table.at(ParameterHandle{0})), ArgumentError);
}
