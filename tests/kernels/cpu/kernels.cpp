// Every family of kernels is reached through one door, and no two of them share a name.
#include <lockstep/kernels/cpu/kernels.hpp>

#include <doctest/doctest.h>

using namespace lockstep;
using K = Kernels<Cpu>;

TEST_CASE("Kernels<Cpu>: the families together") {
  Cpu cpu;
  const float x[] = {1, 2, 3, 4};
  float y[4], statistics[4], workspace[1024];
  K::map(
      cpu, 4, Destination<float>{y}, [](float value) { return 2 * value; }, x);
  CHECK(y[3] == 8);
  K::column_sums(cpu, 2, 2, x, Destination<float>{y});
  CHECK(y[1] == 6);
  K::softmax(cpu, 1, 1, 4, x, y);
  CHECK(y[2] == 1);
  K::layer_norm<float>(cpu, 2, 2, x, nullptr, nullptr, 0, y, statistics, statistics + 2);
  CHECK(y[0] == -1);
  K::dropout(cpu, 4, x, 0.0, Philox(1), Destination<float>{y});
  CHECK(y[3] == 4);
  const std::int32_t index = 1;
  K::embedding(cpu, 1, 2, &index, x, y);
  CHECK(y[0] == 3);
  const MatrixProduct<float> product{.m = 2, .n = 2, .k = 2, .a = x, .lda = 2, .b = x, .ldb = 2, .c = y, .ldc = 2};
  REQUIRE(K::matrix_product_workspace(cpu, product) <= 1024);
  K::matrix_product(cpu, product, workspace);
  CHECK(y[3] == 22);
  const AttentionExtents extents{1, 1, 2, 2, 1, 1.0, true, 0};
  REQUIRE(K::attention_workspace<float>(cpu, extents) <= 1024);
  const HeadMatrices<const float> rows{x, 2, 2, 1};
  K::attention<float>(cpu, extents, rows, rows, rows, {y, 2, 2, 1}, statistics, Philox(1), workspace);
  CHECK(y[0] == 1);
  double sum = 0;
  K::square_sums(cpu, 4, x, &sum);
  CHECK(sum == 30);
}
