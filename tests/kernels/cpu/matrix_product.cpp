// Matrix products of the library's engine, and batches of them.
#include "engine_check.hpp"
#include <lockstep/kernels/cpu/matrix_product.hpp>

using namespace lockstep;

TEST_CASE("BlockedEngine: random extents, layouts, strides and options, in float") {
  check::check_engine<cpu::BlockedEngine, float>(1000);
}

TEST_CASE("BlockedEngine: random extents, layouts, strides and options, in double") {
  check::check_engine<cpu::BlockedEngine, double>(400);
}

TEST_CASE("BlockedEngine: the same product gives the same bits wherever it lies") {
  Philox random(5);
  std::vector<float> a(70 * 300 + 16), b(300 * 50 + 16), workspace(1 << 18);
  for (float& x : a) x = random.uniform();
  for (float& x : b) x = random.uniform();
  std::vector<float> results[2];
  for (const std::size_t offset : {std::size_t{0}, std::size_t{3}}) {
    std::vector<float> shifted_a(a.size() + offset), shifted_b(b.size() + offset), c(70 * 50);
    std::copy(a.begin(), a.end(), shifted_a.begin() + static_cast<std::ptrdiff_t>(offset));
    std::copy(b.begin(), b.end(), shifted_b.begin() + static_cast<std::ptrdiff_t>(offset));
    cpu::BlockedEngine::multiply(MatrixProduct<float>{.m = 70,
                                                      .n = 50,
                                                      .k = 300,
                                                      .a = shifted_a.data() + offset,
                                                      .lda = 300,
                                                      .b = shifted_b.data() + offset,
                                                      .ldb = 50,
                                                      .c = c.data(),
                                                      .ldc = 50},
                                 workspace.data());
    results[offset == 0 ? 0 : 1] = c;
  }
  CHECK(results[0] == results[1]);
}

TEST_CASE("matrix_product: a batch at strides, one operand shared") {
  using Kernels = cpu::MatrixProductKernels<cpu::BlockedEngine>;
  Cpu cpu;
  const double a[] = {1, 2, 3, 4, 5, 6, 7, 8}, b[] = {1, 0, 1, 1};
  double c[8];
  MatrixProduct<double> product{.m = 2, .n = 2, .k = 2, .a = a, .lda = 2, .b = b, .ldb = 2, .c = c, .ldc = 2};
  product.batch = 2;
  product.stride_a = 4;
  product.stride_c = 4;
  std::vector<double> workspace(static_cast<std::size_t>(Kernels::matrix_product_workspace(cpu, product)));
  Kernels::matrix_product(cpu, product, workspace.data());
  const double expected[] = {3, 2, 7, 4, 11, 6, 15, 8};
  for (int i = 0; i < 8; ++i) CHECK(c[i] == expected[i]);
}
