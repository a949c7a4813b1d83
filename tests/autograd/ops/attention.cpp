// Attention against plain loops and finite differences: packed and separate, causal or not, more keys than queries,
// more than one block of queries, dropout, shared operands.
#include "check_op.hpp"
#include <lockstep/autograd/ops/attention.hpp>

using namespace lockstep;
using check::Values;

namespace {

struct Extents {
  std::size_t heads, queries, keys, dim;
};

/// Over all (batch, head) pairs; q(head, i, d) and so on read an operand.
template <class Q, class K, class V>
Values plain_attention(const Extents& e, const ScaledDotProductOptions& options, Q q, K k, V v) {
  Values out;
  Philox random(mix_bits(mix_bits(5, 6), 7), 0);
  const double scale = options.scale == 0 ? 1 / std::sqrt(static_cast<double>(e.dim)) : options.scale;
  for (std::size_t h = 0; h < e.heads; ++h) {
    for (std::size_t i = 0; i < e.queries; ++i) {
      const std::size_t seen = options.causal ? std::min(i + 1, e.keys) : e.keys;
      Values p;
      double sum = 0;
      for (std::size_t j = 0; j < seen; ++j) {
        double score = 0;
        for (std::size_t d = 0; d < e.dim; ++d) score += q(h, i, d) * k(h, j, d);
        p.push_back(std::exp(scale * score));
        sum += p.back();
      }
      for (std::size_t j = 0; j < seen; ++j) {
        p[j] /= sum;
        if (options.dropout == 0) continue;
        const bool dropped =
            to_uniform(random.at((h * e.queries + i) * e.keys + j)) < static_cast<float>(options.dropout);
        p[j] = dropped ? 0 : p[j] / (1 - options.dropout);
      }
      for (std::size_t d = 0; d < e.dim; ++d) {
        double value = 0;
        for (std::size_t j = 0; j < seen; ++j) value += p[j] * v(h, j, d);
        out.push_back(value);
      }
    }
  }
  return out;
}

auto reader(const Values& x, std::size_t time, std::size_t dim) {
  return [&x, time, dim](std::size_t h, std::size_t t, std::size_t d) { return x[(h * time + t) * dim + d]; };
}

void check_separate(const Shape& q, std::int64_t keys, const ScaledDotProductOptions& options) {
  const Shape k{q[0], q[1], keys, q[3]};
  CAPTURE(to_string(q));
  CAPTURE(keys);
  const Extents e{static_cast<std::size_t>(q[0] * q[1]), static_cast<std::size_t>(q[2]), static_cast<std::size_t>(keys),
                  static_cast<std::size_t>(q[3])};
  check::check_op<ops::ScaledDotProductAttention>(
      {q, k, k}, [&](auto&, auto& v) { return scaled_dot_product_attention(v[0], v[1], v[2], options); },
      [&](const auto& v) {
        return plain_attention(e, options, reader(v[0], e.queries, e.dim), reader(v[1], e.keys, e.dim),
                               reader(v[2], e.keys, e.dim));
      });
}

void check_packed(std::int64_t batch, std::int64_t time, std::int64_t heads, std::int64_t dim,
                  const ScaledDotProductOptions& options) {
  CAPTURE(time);
  const auto b = static_cast<std::size_t>(batch), t = static_cast<std::size_t>(time),
             n = static_cast<std::size_t>(heads), width = static_cast<std::size_t>(dim);
  check::check_op<ops::PackedAttention>(
      {{batch, time, 3 * heads * dim}}, [&](auto&, auto& v) { return attention(v[0], heads, options); },
      [&](const auto& v) {
        const auto part = [&](std::size_t index) {
          return [&, index](std::size_t h, std::size_t i, std::size_t d) {
            return v[0][((h / n * t + i) * 3 + index) * n * width + h % n * width + d];
          };
        };
        const Values y = plain_attention({b * n, t, t, width}, options, part(0), part(1), part(2));
        Values rows(y.size());  // from [batch, heads, time, dim] to [batch, time, heads, dim]
        for (std::size_t h = 0; h < b * n; ++h) {
          for (std::size_t i = 0; i < t; ++i) {
            for (std::size_t d = 0; d < width; ++d) {
              rows[((h / n * t + i) * n + h % n) * width + d] = y[(h * t + i) * width + d];
            }
          }
        }
        return rows;
      });
}

}  // namespace

TEST_CASE("scaled_dot_product_attention: values and gradients") {
  for (const bool causal : {false, true}) {
    CAPTURE(causal);
    check_separate({1, 1, 1, 1}, 1, {.causal = causal});
    check_separate({2, 2, 3, 4}, 3, {.causal = causal});
    check_separate({1, 2, 3, 5}, 7, {.causal = causal});
    check_separate({1, 2, 7, 5}, 3, {.causal = causal, .scale = 0.3});
    check_separate({1, 1, 9, 17}, 9, {.causal = causal, .dropout = 0.3});
    check_separate({2, 0, 3, 4}, 5, {.causal = causal});
    check_separate({1, 2, 0, 4}, 5, {.causal = causal});
    check_separate({1, 2, 3, 4}, 0, {.causal = causal});
  }
}

TEST_CASE("scaled_dot_product_attention: one variable as query, key and value") {
  check::check_op<ops::ScaledDotProductAttention>(
      {{1, 2, 5, 3}}, [](auto&, auto& v) { return scaled_dot_product_attention(v[0], v[0], v[0], {.causal = true}); },
      [](const auto& v) {
        const auto x = reader(v[0], 5, 3);
        return plain_attention({2, 5, 5, 3}, {.causal = true}, x, x, x);
      });
}

TEST_CASE("attention: packed operands, read and written in place") {
  for (const bool causal : {false, true}) {
    CAPTURE(causal);
    check_packed(1, 1, 1, 1, {.causal = causal});
    check_packed(2, 5, 3, 4, {.causal = causal});
    check_packed(2, 3, 2, 4, {.causal = causal, .dropout = 0.5});
    check_packed(0, 3, 2, 4, {.causal = causal});
    check_packed(1, 131, 1, 2, {.causal = causal});  // several blocks of queries
  }
}

TEST_CASE("attention: dropout is off in eval mode, and with probability 1 nothing is left") {
  check_packed(1, 4, 2, 3, {.dropout = 1.0});
  Cpu cpu;
  ParameterTable<float> table;
  struct AttentionOnly : OpList<ops::PackedAttention> {};
  Tape<Cpu, Fp32, AttentionOnly> tape(table, cpu);
  tape.set_training(false);
  const float qkv[] = {1, 2, 3};
  CHECK(attention(tape.constant({qkv, {1, 1, 3}}), 1, {.dropout = 1.0}).item() == 3);
}

TEST_CASE("attention: what does not fit is named") {
  check::Runner<Fp64, ops::PackedAttention, ops::ScaledDotProductAttention> runner;
  const auto packed = [&](const Shape& shape, std::int64_t heads, double drop = 0) {
    static_cast<void>(runner.run({shape}, {check::numbers(shape.numel(), 1)},
                                 [&](auto&, auto& v) { return attention(v[0], heads, {.dropout = drop}); }));
  };
  CHECK_THROWS_WITH_AS(packed({2, 3, 12}, 3), doctest::Contains("[2, 3, 12]"), ShapeError);
  CHECK_THROWS_AS(packed({2, 12}, 2), ShapeError);
  CHECK_THROWS_AS(packed({2, 3, 12}, 0), ShapeError);
  CHECK_THROWS_AS(packed({2, 3, 12}, 2, 1.5), ArgumentError);
  CHECK_THROWS_AS(runner.run({{1, 2, 3, 4}, {1, 2, 3, 5}}, {check::numbers(24, 1), check::numbers(30, 1)},
                             [](auto&, auto& v) { return scaled_dot_product_attention(v[0], v[1], v[1]); }),
                  ShapeError);
}
