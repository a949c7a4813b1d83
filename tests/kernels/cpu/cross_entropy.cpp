// The kernels of cross entropy by hand: two equal logits.
#include <lockstep/kernels/cpu/cross_entropy.hpp>

#include <doctest/doctest.h>

using namespace lockstep;
using Kernels = cpu::CrossEntropyKernels;

TEST_CASE("cross_entropy kernels: losses, denominator, gradient of each row") {
  Cpu cpu;
  const double logits[] = {3, 3, 100, 100, 0, 0}, weight[] = {1, 3};
  const std::int32_t targets[] = {1, 9, 0};
  const CrossEntropyProblem<double> problem{
      .rows = 3, .classes = 2, .logits = logits, .targets = targets, .weight = weight, .ignore_index = 9};
  double lse[3], losses[3], total, denominator;
  Kernels::cross_entropy(cpu, problem, lse, losses, &total, &denominator);
  const double ln2 = std::log(2.0);
  CHECK(losses[0] == doctest::Approx(3 * ln2));
  CHECK(losses[1] == 0);
  CHECK(total == doctest::Approx(4 * ln2));
  CHECK(denominator == 4);
  CHECK(lse[0] == doctest::Approx(3 + ln2));

  const double scales[] = {1, 1, 10};
  double dx[6];
  Kernels::cross_entropy_backward<double>(cpu, problem, lse, scales, true, nullptr, {dx, false});
  const double expected[] = {1.5, -1.5, 0, 0, -5, 5};
  for (int i = 0; i < 6; ++i) CHECK(dx[i] == doctest::Approx(expected[i]));
  Kernels::cross_entropy_backward<double>(cpu, problem, lse, scales, false, &denominator, {dx, true});
  CHECK(dx[0] == doctest::Approx(1.5 + 1.5 / 4));
  CHECK(dx[2] == 0);
}
