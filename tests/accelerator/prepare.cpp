#include <lockstep/lockstep.hpp>

#include <doctest/doctest.h>

#include <concepts>

using namespace lockstep;

namespace {

using One = Accelerator<SingleDevice<Cpu>>;
using Data = TensorDataset<float, float>;

/// A module that can be made without arguments.
struct Tiny {
  Linear layer{2, 1};
  LOCKSTEP_FIELDS(layer)
};

Data data() { return {Tensor<float>::full({4, 2}, 1.0F), Tensor<float>(Shape{4, 1})}; }

/// What prepare() accepts, asked without making an error.
template <class... Objects>
concept CanPrepare = requires(One& accelerator, Objects... objects) {
  accelerator.prepare(std::move(objects)...);
};

static_assert(CanPrepare<Linear>);
static_assert(CanPrepare<Linear, AdamW>);
static_assert(CanPrepare<AdamW, Linear, LinearWithWarmup, DataLoader<Data>>);
static_assert(!CanPrepare<int>);
static_assert(!CanPrepare<AdamW>);                     // no model for the optimizer
static_assert(!CanPrepare<Linear, AdamW, Sgd>);        // two optimizers, one model
static_assert(!CanPrepare<Linear, LinearWithWarmup>);  // no optimizer for the schedule
static_assert(!CanPrepare<Data>);                      // a data set is no loader

}  // namespace

TEST_CASE("prepare returns a tuple of the same arity and order") {
  One accelerator(Single{});
  auto prepared =
      accelerator.prepare(linear_with_warmup(0, 4), DataLoader{data(), {.batch_size = 2}}, AdamW{}, Linear{2, 1});
  static_assert(std::tuple_size_v<decltype(prepared)> == 4);
  static_assert(std::same_as<std::tuple_element_t<0, decltype(prepared)>, DistributedSchedule<LinearWithWarmup>>);
  static_assert(std::same_as<std::tuple_element_t<2, decltype(prepared)>, DistributedOptimizer<AdamW, One>>);
  static_assert(std::same_as<std::tuple_element_t<3, decltype(prepared)>, DistributedModel<Linear, One>>);
  auto& [schedule, loader, optimizer, model] = prepared;
  for (auto& batch : loader) {
    accelerator.backward(mse_loss(model(batch.inputs), batch.targets));
    optimizer.step();
    schedule.step();
    optimizer.zero_grad();
  }
  CHECK(optimizer.step_count() == 2);
  CHECK(schedule.last_learning_rate() == doctest::Approx(0.5e-3));
}

TEST_CASE("a single object comes back bare, a prepared one passes through as the reference it was") {
  One accelerator(Single{});
  auto model = accelerator.prepare(Linear{2, 1});
  static_assert(std::same_as<decltype(model), DistributedModel<Linear, One>>);
  auto [same, loader] = accelerator.prepare(model, DataLoader{data()});
  CHECK(&same == &model);
  CHECK(loader.steps_per_epoch() == 4);
}

TEST_CASE("a module that the user keeps is copied; the original stays a description") {
  One accelerator(Single{});
  Linear description{2, 1};
  auto model = accelerator.prepare(description);
  CHECK_FALSE(description.weight.bound());
  CHECK(model.module().weight.bound());
  CHECK(model(Tensor<float>(Shape{3, 2})).shape() == Shape{3, 1});
}

TEST_CASE("a loader that the user keeps is referred to") {
  One accelerator(Single{});
  const auto dataset = data();
  DataLoader loader{dataset, {.batch_size = 2}};
  auto shard = accelerator.prepare(loader);
  CHECK(shard.steps_per_epoch() == 2);
}

TEST_CASE("several models: optimizers and schedules belong to them by position, names tell them apart") {
  One accelerator(Single{});
  auto [first, second, first_optimizer, second_optimizer] = accelerator.prepare(
      named("generator", Linear{1, 1, {.bias = false}}), named("discriminator", Linear{1, 1, {.bias = false}}),
      named("generator_optimizer", Sgd{.learning_rate = 1}),
      named("discriminator_optimizer", Sgd{.learning_rate = 10}));
  first.parameter("weight")[0] = 2;
  second.parameter("weight")[0] = 3;
  accelerator.backward(mean(second(first(Tensor<float>::full({1, 1}, 1.0F)))));
  first_optimizer.step();
  second_optimizer.step();
  CHECK(first.parameter("weight")[0] == 2.0F - 3.0F);
  CHECK(second.parameter("weight")[0] == 3.0F - 20.0F);
  CHECK(first.name() == "generator");
}

TEST_CASE("two models without names are refused with the way to name them") {
  One accelerator(Single{});
  CHECK_THROWS_WITH_AS(accelerator.prepare(Linear{1, 1}, Linear{1, 1}), doctest::Contains("ls::named"), ArgumentError);
}

TEST_CASE("the spelling with explicit types makes the objects or takes them") {
  One accelerator(Single{});
  auto [model, optimizer] = prepare<Tiny, AdamW>(accelerator);
  CHECK(parameter_count(model.module()) == 3);
  auto [other, sgd, loader] = prepare<Named<Linear>, Named<Sgd>, DataLoader<Data>>(
      accelerator, named("other", Linear{2, 1}), named("sgd", Sgd{}), DataLoader{data(), {.batch_size = 4}});
  CHECK(loader.steps_per_epoch() == 1);
}

TEST_CASE("hyper-parameters are checked when the optimizer is prepared") {
  One accelerator(Single{});
  CHECK_THROWS_AS(accelerator.prepare(Linear{1, 1}, AdamW{.learning_rate = -1}), ArgumentError);
}
