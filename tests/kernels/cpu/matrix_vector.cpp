// Products of a matrix and a vector, with whole numbers that come out exactly.
#include <lockstep/kernels/cpu/matrix_vector.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <vector>

using namespace lockstep::cpu;

namespace {

std::vector<float> whole_numbers(std::int64_t count, int period) {
  std::vector<float> result(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = static_cast<float>(static_cast<int>(i) % period - 3);
  return result;
}

}  // namespace

TEST_CASE("multiply_rows_by_vector and add_combination_of_rows") {
  for (const std::int64_t rows : {1, 3, 4, 9}) {
    for (const std::int64_t depth : {0, 1, 7, 64, 101}) {
      const std::int64_t ld = depth + 2;
      const auto matrix = whole_numbers(rows * ld, 11), x = whole_numbers(3 * (rows + depth), 7);
      const auto bias = whole_numbers(rows, 5);
      std::vector<float> y(static_cast<std::size_t>(2 * rows), 5), z(static_cast<std::size_t>(depth), 5);
      multiply_rows_by_vector<float>(rows, depth, 2, matrix.data(), ld, x.data(), y.data(), 2, bias.data(), 1, true);
      add_combination_of_rows<float>(depth, rows, 2, matrix.data(), ld, x.data(), 3, z.data());
      const auto at = [&](std::int64_t i, std::int64_t j) { return matrix[static_cast<std::size_t>(i * ld + j)]; };
      for (std::int64_t i = 0; i < rows; ++i) {
        float expected = 5 + bias[static_cast<std::size_t>(i)];
        for (std::int64_t j = 0; j < depth; ++j) expected += 2 * at(i, j) * x[static_cast<std::size_t>(j)];
        CHECK(y[static_cast<std::size_t>(2 * i)] == expected);
        CHECK(y[static_cast<std::size_t>(2 * i + 1)] == 5);
      }
      for (std::int64_t j = 0; j < depth; ++j) {
        float expected = 5;
        for (std::int64_t i = 0; i < rows; ++i) expected += 2 * at(i, j) * x[static_cast<std::size_t>(3 * i)];
        CHECK(z[static_cast<std::size_t>(j)] == expected);
      }
    }
  }
}

TEST_CASE("multiply_rows_by_vector: without accumulation the old values are not read") {
  const float matrix[] = {1, 2, 3, 4}, x[] = {1, 1};
  float y[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::quiet_NaN()};
  multiply_rows_by_vector<float>(2, 2, 1, matrix, 2, x, y, 1, nullptr, 0, false);
  CHECK(y[0] == 3);
  CHECK(y[1] == 7);
}
