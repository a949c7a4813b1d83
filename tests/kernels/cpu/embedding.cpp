// Rows by index and back, and the first index that is wrong.
#include <lockstep/kernels/cpu/embedding.hpp>

#include <doctest/doctest.h>

#include <limits>

using namespace lockstep;
using Kernels = cpu::EmbeddingKernels;

TEST_CASE("embedding kernels") {
  Cpu cpu;
  const float table[] = {1, 2, 3, 4, 5, 6};
  const std::int32_t indices[] = {2, 0, 2};
  float out[6];
  Kernels::embedding(cpu, 3, 2, indices, table, out);
  for (const auto& [at, value] : {std::pair{0, 5}, {1, 6}, {2, 1}, {5, 6}}) CHECK(out[at] == static_cast<float>(value));

  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  float gradient[] = {nan, nan, nan, nan, nan, nan};
  Kernels::embedding_backward(cpu, 3, 3, 2, indices, table, Destination<float>{gradient, false});
  Kernels::embedding_backward(cpu, 3, 3, 2, indices, table, Destination<float>{gradient, true});
  const float expected[] = {6, 8, 0, 0, 12, 16};
  for (int i = 0; i < 6; ++i) CHECK(gradient[i] == expected[i]);
}

TEST_CASE("first_out_of_range: negative, too large, ignored, none") {
  Cpu cpu;
  const std::int32_t indices[] = {0, 3, -100, 4, -1};
  CHECK(Kernels::first_out_of_range(cpu, 5, indices, 5, -100) == 4);
  CHECK(Kernels::first_out_of_range(cpu, 5, indices, 4, -100) == 3);
  CHECK(Kernels::first_out_of_range(cpu, 5, indices, 5, 7) == 2);
  CHECK(Kernels::first_out_of_range(cpu, 2, indices, 5, 7) == -1);
  CHECK(Kernels::first_out_of_range(cpu, 0, indices, 0, 7) == -1);
}
