// The kernels of the norms: one row by hand, and destinations that nobody wants.
#include <lockstep/kernels/cpu/layer_norm.hpp>

#include <doctest/doctest.h>

#include <limits>

using namespace lockstep;
using Kernels = cpu::LayerNormKernels;

TEST_CASE("layer_norm and rms_norm kernels: rows by hand") {
  Cpu cpu;
  const double x[] = {1, 3, 5, 5}, weight[] = {2, 1}, bias[] = {10, 20};
  double y[4], means[2], factors[2];
  Kernels::layer_norm(cpu, 2, 2, x, weight, bias, 0.25, y, means, factors);
  CHECK(means[0] == 2);
  CHECK(factors[0] == doctest::Approx(1 / std::sqrt(1.25)));
  CHECK(y[0] == doctest::Approx(10 - 2 / std::sqrt(1.25)));
  CHECK(y[1] == doctest::Approx(20 + 1 / std::sqrt(1.25)));
  CHECK(y[2] == 10);
  CHECK(factors[1] == 2);
  Kernels::rms_norm(cpu, 2, 2, x, weight, 4.0, y, factors);
  CHECK(y[0] == doctest::Approx(2.0 / 3));
  CHECK(y[1] == doctest::Approx(1));
}

TEST_CASE("layer_norm_backward: each destination alone gives the same as all together") {
  Cpu cpu;
  const double x[] = {1, 3, 4, -2, 0, 7}, dy[] = {1, -1, 2, 0.5, 3, 1}, weight[] = {2, 1, -1};
  double y[6], means[2], factors[2], scratch[12], all[12], one[12];
  Kernels::layer_norm<double>(cpu, 2, 3, x, weight, nullptr, 1e-5, y, means, factors);
  std::fill_n(all, 12, std::numeric_limits<double>::quiet_NaN());
  Kernels::layer_norm_backward<double>(cpu, 2, 3, dy, x, weight, means, factors, {all, false}, {all + 6, false},
                                       {all + 9, false}, scratch);
  Kernels::layer_norm_backward<double>(cpu, 2, 3, dy, x, weight, means, factors, {one, false}, {}, {}, scratch);
  Kernels::layer_norm_backward<double>(cpu, 2, 3, dy, x, weight, means, factors, {}, {one + 6, false}, {}, scratch);
  Kernels::layer_norm_backward<double>(cpu, 2, 3, dy, x, weight, means, factors, {}, {}, {one + 9, false}, scratch);
  for (int i = 0; i < 12; ++i) CHECK(one[i] == all[i]);
  CHECK(all[9] == 1.5);
  CHECK(all[0] + all[1] + all[2] == doctest::Approx(0));  // a shift of x changes nothing
}
