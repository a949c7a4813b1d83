// The CPU's kernels are found through their device.
#include <lockstep/kernels/cpu/kernels.hpp>

#include <doctest/doctest.h>

using namespace lockstep;

TEST_CASE("families are reached through the device") {
  Cpu cpu;
  float values[3] = {1, 2, 3};
  Kernels<Cpu>::scale(cpu, 3, values, 2.0F);
  float total = 0;
  Kernels<Cpu>::sum(cpu, 1, 3, 1, Destination<float>{&total}, static_cast<const float*>(values));
  CHECK(total == 12);
}
