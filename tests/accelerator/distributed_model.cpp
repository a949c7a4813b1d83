#include <lockstep/lockstep.hpp>

#include <doctest/doctest.h>

using namespace lockstep;

namespace {

using One = Accelerator<SingleDevice<Cpu>>;

struct WithDropout {
  Linear layer{4, 4};
  Dropout dropout{0.5};
  auto operator()(auto x) const { return dropout(layer(x)); }
  LOCKSTEP_FIELDS(layer, dropout)
};

struct Scaled {
  Linear layer{2, 2};
  auto operator()(auto x, double factor) const { return layer(x) * factor; }
  LOCKSTEP_FIELDS(layer)
};

std::vector<float> values(auto variable) {
  const auto span = variable.value().span();
  return {span.begin(), span.end()};
}

}  // namespace

TEST_CASE("train mode drops, eval mode and no_grad do not") {
  One accelerator(Single{});
  auto model = accelerator.prepare(WithDropout{});
  const auto input = Tensor<float>::full({8, 4}, 1.0F);
  CHECK(model.training());
  const auto dropped = values(model(input));
  CHECK(std::count(dropped.begin(), dropped.end(), 0.0F) > 4);
  const auto evaluated = values(no_grad(model)(input));
  CHECK(std::count(evaluated.begin(), evaluated.end(), 0.0F) == 0);
  model.eval();
  CHECK(values(model(input)) == evaluated);
}

TEST_CASE("a temporary tensor lives until backward has read it") {
  One accelerator(Single{});
  auto model = accelerator.prepare(Linear{2, 1});
  Embedding table(3, 2);
  auto embedding = accelerator.prepare(named("embedding", table));
  auto loss = mean(model(Tensor<float>::full({1, 2}, 3.0F))) + mean(embedding(Tensor<std::int32_t>::full({1}, 2)));
  const auto overwritten = Tensor<float>::full({1, 2}, 7.0F);  // where the temporary was, most likely
  accelerator.backward(loss);
  model.for_each_parameter([](const std::string& name, auto, auto gradient) {
    if (name == "weight") CHECK((gradient[0] == 3.0F && gradient[1] == 3.0F));
  });
  embedding.for_each_parameter(
      [](const std::string&, auto, auto gradient) { CHECK((gradient[3] == 0.0F && gradient[4] == 0.5F)); });
}

TEST_CASE("no_grad records nothing, uses the same parameters, and keeps results until its next call") {
  One accelerator(Single{});
  auto model = accelerator.prepare(Linear{2, 2});
  const auto evaluation = no_grad(model);
  const auto input = Tensor<float>::full({1, 2}, 1.0F);
  const auto first = evaluation(input);
  CHECK_FALSE(first.requires_grad());
  model.parameter("bias")[0] += 1;
  const float before = first.value()[0];
  const auto chained = evaluation(first);  // takes a result: it stays alive
  CHECK(first.value()[0] == before);
  CHECK(chained.shape() == Shape{1, 2});
  const auto second = evaluation(input);
  CHECK(second.value()[0] == doctest::Approx(before + 1));
  CHECK_THROWS_WITH_AS(first.value(), doctest::Contains("earlier step"), ArgumentError);
  const std::size_t bytes = accelerator.no_grad_tape().activation_bytes();
  for (int i = 0; i < 100; ++i) evaluation(input);
  CHECK(accelerator.no_grad_tape().activation_bytes() <= bytes);
}

TEST_CASE("arguments that are no tensors are handed on") {
  One accelerator(Single{});
  auto model = accelerator.prepare(Scaled{});
  const auto input = Tensor<float>::full({1, 2}, 1.0F);
  const float once = model(input, 1.0).value()[0];
  CHECK(model(input, 3.0).value()[0] == doctest::Approx(3 * once));
}

TEST_CASE("parameters by name; a wrong name is answered with the right ones") {
  One accelerator(Single{});
  auto model = accelerator.prepare(WithDropout{});
  CHECK(model.parameter("layer.weight").shape == Shape{4, 4});
  CHECK_THROWS_WITH_AS(model.parameter("weight"), doctest::Contains("layer.weight, layer.bias"), ArgumentError);
}

TEST_CASE("a description that was not prepared says so when it is called") {
  One accelerator(Single{});
  auto model = accelerator.prepare(Linear{2, 2});
  const Linear description{2, 2};
  const auto x = model(Tensor<float>(Shape{1, 2}));
  CHECK_THROWS_WITH_AS(description(x), doctest::Contains("prepare()"), ArgumentError);
}

TEST_CASE("a model that ended takes no part in later steps") {
  One accelerator(Single{});
  auto kept = accelerator.prepare(named("kept", Linear{2, 1}));
  {
    auto gone = accelerator.prepare(named("gone", Linear{2, 1}));
    accelerator.backward(mean(gone(Tensor<float>::full({1, 2}, 1.0F))));
  }
  accelerator.backward(mean(kept(Tensor<float>::full({1, 2}, 1.0F))));
  int gradients = 0;
  kept.for_each_parameter([&](const std::string&, auto, auto gradient) { gradients += gradient.numel() > 0; });
  CHECK(gradients == 2);
}
