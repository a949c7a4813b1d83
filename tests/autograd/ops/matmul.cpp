// The matrix product with transposes, broadcasting and vectors: against plain loops and finite differences.
#include "check_op.hpp"
#include <lockstep/autograd/ops/matmul.hpp>

using namespace lockstep;
using check::Values;

namespace {

/// matmul by index arithmetic over at most two batch dimensions.
Values plain_matmul(const Shape& a, const Shape& b, const MatmulOptions& options, const Values& x, const Values& y) {
  const Shape full_a = a.rank() == 1 ? Shape{1, a[0]} : a;
  const Shape full_b = b.rank() == 1 ? Shape{b[0], 1} : b;
  const auto extent = [](const Shape& s, int from_end) { return from_end <= s.rank() ? s[-from_end] : 1; };
  const std::int64_t m = full_a[options.transpose_a ? -1 : -2], k = full_a[options.transpose_a ? -2 : -1];
  const std::int64_t n = full_b[options.transpose_b ? -2 : -1];
  const std::int64_t outer = std::max(extent(full_a, 4), extent(full_b, 4)) *
                             std::min<std::int64_t>(1, std::min(extent(full_a, 4), extent(full_b, 4)));
  const std::int64_t inner = std::max(extent(full_a, 3), extent(full_b, 3)) *
                             std::min<std::int64_t>(1, std::min(extent(full_a, 3), extent(full_b, 3)));
  const auto matrix = [&](const Shape& s, std::int64_t o, std::int64_t i) {
    o = extent(s, 4) == 1 ? 0 : o;
    i = extent(s, 3) == 1 ? 0 : i;
    return (o * extent(s, 3) + i) * s[-1] * s[-2];
  };
  Values result;
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t i = 0; i < inner; ++i) {
      for (std::int64_t r = 0; r < m; ++r) {
        for (std::int64_t c = 0; c < n; ++c) {
          double sum = 0;
          for (std::int64_t p = 0; p < k; ++p) {
            const std::int64_t at_a = matrix(full_a, o, i) + (options.transpose_a ? p * m + r : r * k + p);
            const std::int64_t at_b = matrix(full_b, o, i) + (options.transpose_b ? c * k + p : p * n + c);
            sum += x[static_cast<std::size_t>(at_a)] * y[static_cast<std::size_t>(at_b)];
          }
          result.push_back(sum);
        }
      }
    }
  }
  return result;
}

void check_matmul(const Shape& a, const Shape& b, const MatmulOptions& options = {}) {
  CAPTURE(to_string(a));
  CAPTURE(to_string(b));
  check::check_op<ops::Matmul>(
      {a, b}, [&](auto&, auto& v) { return matmul(v[0], v[1], options); },
      [&](const auto& v) { return plain_matmul(a, b, options, v[0], v[1]); });
}

Shape matrices(Shape batch, std::int64_t rows, std::int64_t columns, bool transposed) {
  batch.push_back(transposed ? columns : rows);
  batch.push_back(transposed ? rows : columns);
  return batch;
}

}  // namespace

TEST_CASE("matmul: every transpose, with equal, missing and broadcast batches") {
  const std::pair<Shape, Shape> batches[] = {{{}, {}},      {{2}, {}},       {{}, {2}},        {{2}, {2}},
                                             {{3}, {1}},    {{2, 1}, {3}},   {{1, 3}, {2, 1}}, {{2, 2}, {2, 2}},
                                             {{0, 3}, {1}}, {{2, 1}, {1, 0}}};
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      CAPTURE(transpose_a);
      CAPTURE(transpose_b);
      for (const auto& [batch_a, batch_b] : batches) {
        check_matmul(matrices(batch_a, 3, 5, transpose_a), matrices(batch_b, 5, 2, transpose_b),
                     {.transpose_a = transpose_a, .transpose_b = transpose_b});
      }
      check_matmul(matrices({}, 1, 1, transpose_a), matrices({}, 1, 1, transpose_b),
                   {.transpose_a = transpose_a, .transpose_b = transpose_b});
      check_matmul(matrices({}, 17, 33, transpose_a), matrices({}, 33, 9, transpose_b),
                   {.transpose_a = transpose_a, .transpose_b = transpose_b});
      check_matmul(matrices({}, 2, 0, transpose_a), matrices({}, 0, 3, transpose_b),
                   {.transpose_a = transpose_a, .transpose_b = transpose_b});
    }
  }
}

TEST_CASE("matmul: vectors stand for a row on the left and a column on the right") {
  check_matmul({5}, {5});
  check_matmul({5}, {5, 3});
  check_matmul({3, 5}, {5});
  check_matmul({2, 3, 5}, {5});
  check_matmul({5}, {2, 5, 3});
}

TEST_CASE("matmul: a matrix times itself") {
  check::check_op<ops::Matmul>(
      {{4, 4}}, [](auto&, auto& v) { return matmul(v[0], v[0], {.transpose_b = true}); },
      [](const auto& v) {
        return plain_matmul({4, 4}, {4, 4}, {.transpose_b = true}, v[0], v[0]);
      });
}

TEST_CASE("matmul: shapes that do not go together are named") {
  check::Runner<Fp64, ops::Matmul> runner;
  const auto run = [&](const Shape& a, const Shape& b, MatmulOptions options = {}) {
    static_cast<void>(runner.run({a, b}, {check::numbers(a.numel(), 1), check::numbers(b.numel(), 2)},
                                 [&](auto&, auto& v) { return matmul(v[0], v[1], options); }));
  };
  CHECK_THROWS_WITH_AS(run({2, 3}, {4, 5}), doctest::Contains("[2, 3] and [4, 5]"), ShapeError);
  CHECK_THROWS_AS(run({2, 3}, {3, 5}, {.transpose_a = true}), ShapeError);
  CHECK_THROWS_AS(run({2, 2, 3}, {3, 3, 5}), ShapeError);
  CHECK_THROWS_AS(run({}, {3, 5}), ShapeError);
  CHECK_THROWS_AS(run({3}, {3, 5}, {.transpose_a = true}), ShapeError);
}
