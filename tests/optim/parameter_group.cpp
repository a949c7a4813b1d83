// Groups choose hyper-parameters by a parameter's name and shape, and change nothing else.
#include "optimizer_fixture.hpp"
#include <lockstep/optim/adamw.hpp>
#include <lockstep/optim/parameter_group.hpp>
#include <lockstep/optim/sgd.hpp>

namespace ls = lockstep;
using namespace optimizer_fixture;

TEST_CASE("a plain optimizer has one group") {
  CHECK(ls::group_of(ls::AdamW{}, "hidden.weight", ls::Shape{3, 4}) == 0);
}

TEST_CASE("the first group that matches wins") {
  const auto optimizer =
      ls::with_groups(ls::AdamW{}, ls::ParameterGroup(ls::biases_and_norms, {.weight_decay = 0.0}),
                      ls::ParameterGroup(ls::name_contains("embedding"), {.learning_rate = 0.5}),
                      ls::ParameterGroup([](std::string_view name, const ls::Shape&) { return name == "head"; }, {}));
  CHECK(ls::group_of(optimizer, "hidden.weight", ls::Shape{3, 4}) == 0);
  CHECK(ls::group_of(optimizer, "hidden.bias", ls::Shape{3}) == 1);
  CHECK(ls::group_of(optimizer, "embedding.weight", ls::Shape{9, 4}) == 2);
  CHECK(ls::group_of(optimizer, "embedding.scale", ls::Shape{}) == 1);
  CHECK(ls::group_of(optimizer, "head", ls::Shape{4, 4}) == 3);
}

TEST_CASE("a group overrides what it names and keeps the rest") {
  const auto optimizer =
      ls::with_groups(ls::AdamW{.learning_rate = 0.1, .beta1 = 0.5, .weight_decay = 0.3},
                      ls::ParameterGroup(ls::biases_and_norms, {.weight_decay = 0.0}),
                      ls::ParameterGroup(ls::name_contains("head"), {.learning_rate = 0.2, .weight_decay = 0.4}));
  CHECK(optimizer.learning_rate == 0.1);
  CHECK(optimizer.resolved(0).weight_decay == 0.3);
  CHECK(optimizer.resolved(1).weight_decay == 0.0);
  CHECK(optimizer.resolved(1).learning_rate == 0.1);
  CHECK(optimizer.resolved(2).learning_rate == 0.2);
  CHECK(optimizer.resolved(2).weight_decay == 0.4);
  CHECK(optimizer.resolved(2).beta1 == 0.5);
}

TEST_CASE("a grouped optimizer updates each group as the plain optimizer with that group's values would") {
  ls::Cpu device;
  const ls::AdamW base{.learning_rate = 0.1, .weight_decay = 0.3};
  const ls::AdamW exception{.learning_rate = 0.01, .weight_decay = 0.0};
  const auto grouped =
      ls::with_groups(base, ls::ParameterGroup(ls::biases_and_norms, {.learning_rate = 0.01, .weight_decay = 0.0}));
  static_assert(ls::Optimizer<std::remove_const_t<decltype(grouped)>, ls::Cpu, float>);
  static_assert(ls::Optimizer<std::remove_const_t<decltype(grouped)>, ls::Cpu, double>);
  for (int group = 0; group <= 1; ++group) {
    Buffers<float> got(grouped, some_values<float>(100, 1));
    Buffers<float> expected(base, some_values<float>(100, 1));
    for (std::int64_t step = 1; step <= 4; ++step) {
      const ls::StepInfo info{.step = step, .learning_rate_multiplier = 0.5};
      got.gradients = some_values<float>(100, static_cast<std::uint64_t>(step));
      expected.gradients = some_values<float>(100, static_cast<std::uint64_t>(step));
      grouped.update(device, got.range(group), info);
      (group == 0 ? base : exception).update(device, expected.range(), info);
    }
    CHECK(got.parameters == expected.parameters);
  }
}

TEST_CASE("groups keep the base's states and work with every optimizer") {
  const auto sgd = ls::with_groups(ls::Sgd{.momentum = 0.9}, ls::ParameterGroup(ls::biases_and_norms, {}));
  CHECK(sgd.state_names().size() == 1);
  check_pieces<float>(sgd);
}

TEST_CASE("a group's values are checked like the optimizer's own") {
  const auto optimizer =
      ls::with_groups(ls::AdamW{}, ls::ParameterGroup(ls::biases_and_norms, {.learning_rate = -1.0}));
  CHECK_THROWS_WITH_AS(ls::validate(optimizer),
                       "AdamW: learning_rate must be a finite number that is not negative, got -1", ls::ArgumentError);
}
