// Checks an engine of matrix products against plain loops over random extents, layouts, strides and options.
#pragma once

#include <lockstep/core/philox.hpp>
#include <lockstep/kernels/cpu/matrix_product.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace check {

/// One product with these extents; everything else is random. Returns the largest error over the tolerance.
template <class Engine, class T>
double engine_error(std::int64_t m, std::int64_t n, std::int64_t k, lockstep::Philox& random) {
  const auto flag = [&] { return random.below(2) == 1; };
  const auto padding = [&] { return static_cast<std::int64_t>(random.below(3)); };
  const auto values = [&](std::int64_t count) {
    std::vector<T> result(static_cast<std::size_t>(count));
    for (T& value : result) value = static_cast<T>(2 * random.uniform_double() - 1);
    return result;
  };
  const bool transpose_a = flag(), transpose_b = flag(), accumulate = flag(), with_bias = flag();
  const std::int64_t lda = (transpose_a ? m : k) + padding(), ldb = (transpose_b ? k : n) + padding();
  const std::int64_t ldc = n + padding();
  const std::vector<T> a = values((transpose_a ? k : m) * lda), b = values((transpose_b ? n : k) * ldb);
  const std::vector<T> bias = values(n), before = values(m * ldc);
  const T alpha = flag() ? T(1) : T(-0.75);
  std::vector<T> c = before;
  if (!accumulate) {
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < n; ++j)
        c[static_cast<std::size_t>(i * ldc + j)] = std::numeric_limits<T>::quiet_NaN();
    }
  }
  const lockstep::MatrixProduct<T> product{.m = m,
                                           .n = n,
                                           .k = k,
                                           .a = a.data(),
                                           .lda = lda,
                                           .transpose_a = transpose_a,
                                           .b = b.data(),
                                           .ldb = ldb,
                                           .transpose_b = transpose_b,
                                           .c = c.data(),
                                           .ldc = ldc,
                                           .accumulate = accumulate,
                                           .alpha = alpha,
                                           .bias = with_bias ? bias.data() : nullptr};
  constexpr T sentinel = 12345;
  std::vector<T> workspace(static_cast<std::size_t>(Engine::workspace_size(product)) + 1,
                           std::numeric_limits<T>::quiet_NaN());
  workspace.back() = sentinel;
  Engine::multiply(product, workspace.data());
  if (workspace.back() != sentinel) return 1e30;

  double worst = 0;
  const double tolerance = 4 * static_cast<double>(std::numeric_limits<T>::epsilon()) * (2 + static_cast<double>(k));
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < ldc; ++j) {
      const auto at = static_cast<std::size_t>(i * ldc + j);
      double expected = static_cast<double>(before[at]);
      if (j < n) {
        double sum = 0;
        for (std::int64_t p = 0; p < k; ++p) {
          sum += static_cast<double>(a[static_cast<std::size_t>(transpose_a ? p * lda + i : i * lda + p)]) *
                 static_cast<double>(b[static_cast<std::size_t>(transpose_b ? j * ldb + p : p * ldb + j)]);
        }
        expected = static_cast<double>(alpha) * sum + (accumulate ? expected : 0) +
                   (with_bias ? static_cast<double>(bias[static_cast<std::size_t>(j)]) : 0);
      }
      const double error = std::fabs(static_cast<double>(c[at]) - expected) / tolerance;
      worst = error <= worst ? worst : error;
    }
  }
  return worst;
}

/// Hundreds of products: extents 0, 1, around the edges of tiles, and beyond the engine's blocks.
template <class Engine, class T>
void check_engine(int count) {
  lockstep::Philox random(2024);
  const auto extent = [&]() -> std::int64_t {
    switch (random.below(8)) {
      case 0:
        return static_cast<std::int64_t>(random.below(3));
      case 1:
        return static_cast<std::int64_t>(random.below(300));
      default:
        return static_cast<std::int64_t>(random.below(40));
    }
  };
  for (int i = 0; i < count; ++i) {
    const std::int64_t m = extent(), n = extent(), k = extent();
    INFO("m " << m << ", n " << n << ", k " << k);
    REQUIRE(engine_error<Engine, T>(m, n, k, random) <= 1);
  }
  for (int i = 0; i < 8; ++i) {  // all layouts of more than one block in each direction
    INFO("large " << i);
    REQUIRE(engine_error<Engine, T>(i % 2 == 0 ? 500 : 75, i < 4 ? 40 : 1030, i < 4 ? 600 : 20, random) <= 1);
  }
  for (int i = 0; i < 8; ++i) REQUIRE(engine_error<Engine, T>(1, 70, 700, random) <= 1);
  for (int i = 0; i < 8; ++i) REQUIRE(engine_error<Engine, T>(70, 1, 700, random) <= 1);
}

}  // namespace check
