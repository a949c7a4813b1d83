#include <lockstep/lockstep.hpp>

#include <doctest/doctest.h>

using namespace lockstep;

namespace {

using One = Accelerator<SingleDevice<Cpu>>;

const Tensor<float>& ones() {
  static const auto input = Tensor<float>::full({1, 2}, 1.0F);
  return input;
}

}  // namespace

TEST_CASE("parameter groups reach the parameters they match") {
  One accelerator(Single{});
  auto [model, optimizer] = accelerator.prepare(
      Linear{2, 1},
      with_groups(Sgd{.learning_rate = 1}, ParameterGroup(biases_and_norms, {.learning_rate = 10.0})));
  for (float& value : model.parameter("weight").span()) value = 0;
  model.parameter("bias")[0] = 0;
  accelerator.backward(mean(model(ones())));
  optimizer.step();
  CHECK(model.parameter("weight")[0] == -1.0F);
  CHECK(model.parameter("bias")[0] == -10.0F);
}

TEST_CASE("zero_grad empties, and gradients add up without it") {
  One accelerator(Single{});
  auto [model, optimizer] = accelerator.prepare(Linear{2, 1}, Sgd{.learning_rate = 1});
  model.parameter("bias")[0] = 0;
  for (int i = 0; i < 2; ++i) accelerator.backward(mean(model(ones())));
  optimizer.step();
  CHECK(model.parameter("bias")[0] == -2.0F);
  optimizer.zero_grad();
  accelerator.backward(mean(model(ones())));
  optimizer.step();
  CHECK(model.parameter("bias")[0] == -3.0F);
}

TEST_CASE("a frozen parameter is not decayed") {
  One accelerator(Single{});
  Linear layer{2, 1};
  freeze(layer.weight);
  auto [model, optimizer] = accelerator.prepare(layer, AdamW{.learning_rate = 0.1, .weight_decay = 1});
  const float weight = model.parameter("weight")[0], bias = model.parameter("bias")[0];
  accelerator.backward(mean(model(ones())));
  optimizer.step();
  CHECK(model.parameter("weight")[0] == weight);
  CHECK(model.parameter("bias")[0] != bias);
}
