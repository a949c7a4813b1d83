#include <lockstep/nn/parameter_store.hpp>
#include <lockstep/tensor/memory.hpp>

#include <doctest/doctest.h>

using namespace lockstep;

namespace {

struct Net {
  Parameter weight{Shape{2, 2}, init::ones()}, frozen{Shape{1}, init::constant(4), false}, bias{Shape{2}};
  LOCKSTEP_FIELDS(weight, frozen, bias)
};

using Store = ParameterStore<float, AlignedMemory>;
AlignedMemory allocate(std::size_t bytes) { return AlignedMemory(bytes); }

}  // namespace

TEST_CASE("binding gives handles, values and gradients that are views of the flat buffers") {
  ParameterTable<float> table;
  Net first, second;
  const Store one(first, table, allocate, 0);
  Store two(second, table, allocate, 0);
  CHECK(second.weight.index == 3);
  CHECK(two.first_index() == 3);
  CHECK(table.at(second.weight).value == two.values().data());
  CHECK(table.at(second.frozen).value[0] == 4.0F);
  CHECK(table.at(second.frozen).gradient == nullptr);
  CHECK_FALSE(table.at(second.frozen).requires_grad);
  CHECK(two.value(0).shape == Shape{2, 2});
  CHECK(two.gradients().size() == 32);
  CHECK(two.find(second.bias.index) == 1);
  CHECK(two.find(second.frozen.index) == -1);  // not trainable
  CHECK(two.find(first.weight.index) == -1);   // another store's
}

TEST_CASE("gradients are emptied without writing, and completed with zeros where nothing arrived") {
  ParameterTable<float> table;
  Net net;
  Store store(net, table, allocate, 0);
  store.gradient(0).data[0] = 5;
  store.slot(0).has_gradient = true;
  store.complete_gradient(0);
  CHECK(store.gradient(0)[0] == 5.0F);
  store.zero_grad();
  CHECK_FALSE(store.slot(0).has_gradient);
  store.complete_gradient(0);
  CHECK(store.slot(0).has_gradient);
  CHECK(store.gradient(0)[0] == 0.0F);
}

TEST_CASE("a module that outlives its values says so when it is used") {
  ParameterTable<float> table;
  Net net;
  CHECK_THROWS_WITH_AS(table.at(net.weight), doctest::Contains("prepare()"), ArgumentError);
  { const Store store(net, table, allocate, 0); }
  CHECK_THROWS_WITH_AS(table.at(net.weight), doctest::Contains("has ended"), ArgumentError);
}
