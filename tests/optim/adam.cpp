// Adam against PyTorch's traces, and the properties that distributed training relies on.
#include "optimizer_fixture.hpp"
#include <lockstep/optim/adam.hpp>

namespace ls = lockstep;
using namespace optimizer_fixture;

namespace {

ls::Adam from(const vectors::Case& reference) {
  ls::Adam optimizer;
  optimizer.learning_rate = reference.attribute("learning_rate", optimizer.learning_rate);
  optimizer.beta1 = reference.attribute("beta1", optimizer.beta1);
  optimizer.beta2 = reference.attribute("beta2", optimizer.beta2);
  optimizer.epsilon = reference.attribute("epsilon", optimizer.epsilon);
  optimizer.weight_decay = reference.attribute("weight_decay", optimizer.weight_decay);
  return optimizer;
}

}  // namespace

TEST_CASE("Adam follows PyTorch step by step") {
  for (const vectors::Case& reference : vectors::load("optimizers", "adam")) {
    check_trace<double>(from(reference), reference, 1e-9);
    check_trace<float>(from(reference), reference, 1e-4);
  }
}

TEST_CASE("Adam updates a range as it updates the range's pieces, bit for bit") {
  check_pieces<float>(ls::Adam{.weight_decay = 0.1});
  check_pieces<double>(ls::Adam{.weight_decay = 0.1});
  check_gradient_scale(ls::Adam{.weight_decay = 0.1});
}

TEST_CASE("Adam takes the schedule's momentum as beta1") {
  ls::Cpu device;
  const ls::Adam scheduled{.learning_rate = 0.1};
  const ls::Adam fixed{.learning_rate = 0.1, .beta1 = 0.5};
  Buffers<double> a(scheduled, {1.0, -1.0});
  Buffers<double> b(fixed, {1.0, -1.0});
  a.gradients = b.gradients = {0.5, 3.0};
  for (std::int64_t step = 1; step <= 3; ++step) {
    scheduled.update(device, a.range(), {.step = step, .momentum = 0.5});
    fixed.update(device, b.range(), {.step = step});
  }
  CHECK(a.parameters == b.parameters);
}

TEST_CASE("Adam leaves a parameter without gradient history where it is") {
  ls::Cpu device;
  const ls::Adam optimizer{.weight_decay = 0.0};
  Buffers<float> buffers(optimizer, {1.5f, -2.0f});
  optimizer.update(device, buffers.range(), {});
  CHECK(buffers.parameters == std::vector<float>{1.5f, -2.0f});
}

TEST_CASE("Adam refuses hyper-parameters that make no sense") {
  CHECK_THROWS_WITH_AS(ls::Adam{.beta1 = 1.0}.validate(), "Adam: beta1 must be at least 0 and below 1, got 1",
                       ls::ArgumentError);
  CHECK_THROWS_AS(ls::Adam{.beta2 = -0.1}.validate(), ls::ArgumentError);
  CHECK_THROWS_AS(ls::Adam{.learning_rate = -1e-3}.validate(), ls::ArgumentError);
  CHECK_THROWS_AS(ls::Adam{.epsilon = -1e-8}.validate(), ls::ArgumentError);
  CHECK_THROWS_AS(ls::Adam{.weight_decay = -1.0}.validate(), ls::ArgumentError);
}
