// Coefficients are plain data, as kernels on other devices need, and the neutral ones change nothing.
#include <lockstep/kernels/cpu/optimizer.hpp>
#include <lockstep/kernels/optimizer_coefficients.hpp>

#include <doctest/doctest.h>

#include <type_traits>
#include <vector>

namespace ls = lockstep;

static_assert(std::is_trivially_copyable_v<ls::SgdCoefficients<float>> &&
              std::is_aggregate_v<ls::SgdCoefficients<float>>);
static_assert(std::is_trivially_copyable_v<ls::AdamCoefficients<float>> &&
              std::is_aggregate_v<ls::AdamCoefficients<float>>);

TEST_CASE("with no decay and a rate of zero only the states move") {
  ls::Cpu device;
  std::vector<double> parameters{1.0, -2.0}, gradients{4.0, 8.0}, first(2), second(2);
  const std::vector<double> start = parameters;
  const ls::SgdCoefficients<double> sgd{.gradient_scale = 0.5,
                                        .weight_decay = 0.0,
                                        .momentum = 0.9,
                                        .gradient_rate = 1.0,
                                        .direct_rate = 0.0,
                                        .buffer_rate = 0.0};
  ls::cpu::OptimizerKernels::sgd(device, 2, parameters.data(), gradients.data(), first.data(), sgd);
  CHECK(parameters == start);
  CHECK(first == std::vector<double>{2.0, 4.0});
  const ls::AdamCoefficients<double> adam{.gradient_scale = 0.5,
                                          .l2_penalty = 0.0,
                                          .one_minus_beta1 = 0.5,
                                          .beta2 = 0.75,
                                          .one_minus_beta2 = 0.25,
                                          .shrink = 1.0,
                                          .rate = 0.0,
                                          .root_scale = 1.0,
                                          .epsilon = 1e-8};
  first = {0.0, 0.0};
  ls::cpu::OptimizerKernels::adam(device, 2, parameters.data(), gradients.data(), first.data(), second.data(), adam);
  CHECK(parameters == start);
  CHECK(first == std::vector<double>{1.0, 2.0});
  CHECK(second == std::vector<double>{1.0, 4.0});
}
