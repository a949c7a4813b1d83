// SGD against PyTorch's traces, and the properties that distributed training relies on.
#include "optimizer_fixture.hpp"
#include <lockstep/optim/sgd.hpp>

namespace ls = lockstep;
using namespace optimizer_fixture;

namespace {

ls::Sgd from(const vectors::Case& reference) {
  ls::Sgd sgd;
  sgd.learning_rate = reference.attribute("learning_rate", sgd.learning_rate);
  sgd.momentum = reference.attribute("momentum", sgd.momentum);
  sgd.dampening = reference.attribute("dampening", sgd.dampening);
  sgd.weight_decay = reference.attribute("weight_decay", sgd.weight_decay);
  sgd.nesterov = reference.attribute("nesterov", sgd.nesterov);
  return sgd;
}

}  // namespace

TEST_CASE("Sgd follows PyTorch step by step") {
  for (const vectors::Case& reference : vectors::load("optimizers", "sgd")) {
    check_trace<double>(from(reference), reference, 1e-12);
    check_trace<float>(from(reference), reference, 2e-5);
  }
}

TEST_CASE("Sgd keeps a buffer only when it has momentum") {
  CHECK(ls::Sgd{}.state_names().empty());
  REQUIRE(ls::Sgd{.momentum = 0.9}.state_names().size() == 1);
  CHECK(ls::Sgd{.momentum = 0.9}.state_names()[0] == "momentum_buffer");
}

TEST_CASE("Sgd updates a range as it updates the range's pieces, bit for bit") {
  for (const ls::Sgd& sgd : {ls::Sgd{.learning_rate = 0.1, .weight_decay = 0.01},
                             ls::Sgd{.learning_rate = 0.1, .momentum = 0.9, .dampening = 0.1, .weight_decay = 0.01},
                             ls::Sgd{.learning_rate = 0.1, .momentum = 0.9, .nesterov = true}}) {
    check_pieces<float>(sgd);
    check_pieces<double>(sgd);
    check_gradient_scale(sgd);
  }
}

TEST_CASE("Sgd takes the schedule's momentum") {
  ls::Cpu device;
  const ls::Sgd sgd{.learning_rate = 0.5, .momentum = 0.9};
  Buffers<double> buffers(sgd, {1.0});
  buffers.gradients = {2.0};
  sgd.update(device, buffers.range(), {.step = 1, .momentum = 0.25});
  CHECK(buffers.parameters[0] == 0.0);
  sgd.update(device, buffers.range(), {.step = 2, .momentum = 0.25});
  CHECK(buffers.states[0][0] == 2.5);
  CHECK(buffers.parameters[0] == -1.25);
}

TEST_CASE("Sgd refuses hyper-parameters that make no sense") {
  CHECK_THROWS_WITH_AS(ls::Sgd{.learning_rate = -1.0}.validate(),
                       "Sgd: learning_rate must be a finite number that is not negative, got -1", ls::ArgumentError);
  CHECK_THROWS_AS((ls::Sgd{.momentum = -0.1}.validate()), ls::ArgumentError);
  CHECK_THROWS_AS((ls::Sgd{.weight_decay = std::numeric_limits<double>::quiet_NaN()}.validate()), ls::ArgumentError);
  CHECK_THROWS_AS((ls::Sgd{.nesterov = true}.validate()), ls::ArgumentError);
  CHECK_THROWS_AS((ls::Sgd{.momentum = 0.9, .dampening = 0.1, .nesterov = true}.validate()), ls::ArgumentError);
}
