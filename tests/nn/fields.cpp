#include <lockstep/nn/fields.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace lockstep;

namespace {

struct Layer {
  Parameter weight{Shape{2, 3}}, bias{Shape{2}};
  LOCKSTEP_FIELDS(weight, bias)
};
struct Nothing {
  LOCKSTEP_FIELDS()
};
struct Net {
  Layer input;
  std::vector<Layer> blocks = std::vector<Layer>(2);
  std::array<Layer, 1> heads;
  Nothing nothing;
  int width = 3;
  LOCKSTEP_FIELDS(input, blocks, heads, nothing)
};

static_assert(Module<Net> && Module<Nothing>);
static_assert(!Module<int> && !Module<Parameter>);
struct NoFields {
  Parameter weight;
};
static_assert(!Module<NoFields>);

}  // namespace

TEST_CASE("parameters are visited depth first in the order of the fields, with PyTorch's names") {
  const Net net;
  std::string names;
  for_each_parameter(net, [&](const std::string& name, const Parameter&) { names += name + " "; });
  CHECK(names ==
        "input.weight input.bias blocks.0.weight blocks.0.bias blocks.1.weight blocks.1.bias heads.0.weight "
        "heads.0.bias ");
  CHECK(parameter_count(net) == 4 * 8);
}

TEST_CASE("freeze marks the parameters of a part, or one") {
  Net net;
  freeze(net.blocks[0]);
  freeze(net.input.bias);
  std::string frozen;
  for_each_parameter(net, [&](const std::string& name, Parameter& parameter) {
    if (!parameter.trainable) frozen += name + " ";
  });
  CHECK(frozen == "input.bias blocks.0.weight blocks.0.bias ");
}
