#include "module_test.hpp"
#include <lockstep/nn/attention.hpp>

using namespace lockstep;
using namespace lockstep::testing;

TEST_CASE("CausalSelfAttention: a position's output does not depend on later positions") {
  BoundModule bound(CausalSelfAttention(8, 2));
  Tensor<double> x(Shape{2, 5, 8});
  Philox random(1);
  for (std::int64_t i = 0; i < x.numel(); ++i) x[i] = random.normal();
  const auto before = values_of(bound(x.clone()));
  for (std::int64_t i = 0; i < 8; ++i) x[3 * 8 + i] += 1;  // batch 0, time 3
  const auto after = values_of(bound(x.clone()));
  for (std::size_t time = 0; time < 5; ++time) {
    bool same = true;
    for (std::size_t i = 0; i < 8; ++i) same &= before[time * 8 + i] == after[time * 8 + i];
    CHECK(same == (time < 3));
  }
  CHECK(std::equal(before.begin() + 40, before.end(), after.begin() + 40));  // the other batch
}

TEST_CASE("CausalSelfAttention equals the textbook formula") {
  constexpr std::int64_t time = 4, width = 6, heads = 2, head = 3;
  BoundModule bound(CausalSelfAttention(width, heads));
  Tensor<double> x(Shape{1, time, width});
  Philox random(2);
  for (std::int64_t i = 0; i < x.numel(); ++i) x[i] = random.normal();
  const auto got = values_of(bound(x.clone()));

  const auto weight = bound.get("in_proj.weight"), bias = bound.get("in_proj.bias");
  std::vector<double> qkv(time * 3 * width), joined(time * width);
  for (std::size_t t = 0; t < time; ++t) {
    for (std::size_t o = 0; o < 3 * width; ++o) {
      double sum = bias[o];
      for (std::size_t i = 0; i < width; ++i)
        sum += x[static_cast<std::int64_t>(t * width + i)] * weight[o * width + i];
      qkv[t * 3 * width + o] = sum;
    }
  }
  for (std::size_t h = 0; h < heads; ++h) {
    for (std::size_t t = 0; t < time; ++t) {
      std::vector<double> p(t + 1);
      double total = 0;
      for (std::size_t s = 0; s <= t; ++s) {
        double score = 0;
        for (std::size_t d = 0; d < head; ++d) {
          score += qkv[t * 3 * width + h * head + d] * qkv[s * 3 * width + width + h * head + d];
        }
        total += p[s] = std::exp(score / std::sqrt(double(head)));
      }
      for (std::size_t d = 0; d < head; ++d) {
        double sum = 0;
        for (std::size_t s = 0; s <= t; ++s) sum += p[s] / total * qkv[s * 3 * width + 2 * width + h * head + d];
        joined[t * width + h * head + d] = sum;
      }
    }
  }
  const auto out = bound.get("out_proj.weight"), out_bias = bound.get("out_proj.bias");
  for (std::size_t t = 0; t < time; ++t) {
    for (std::size_t o = 0; o < width; ++o) {
      double sum = out_bias[o];
      for (std::size_t i = 0; i < width; ++i) sum += joined[t * width + i] * out[o * width + i];
      CHECK(got[t * width + o] == doctest::Approx(sum).epsilon(1e-10));
    }
  }
}

TEST_CASE("the width must be a multiple of the heads") {
  CHECK_THROWS_WITH_AS(CausalSelfAttention(10, 3), doctest::Contains("10"), ArgumentError);
}

TEST_CASE("CausalSelfAttention takes first values from its options") {
  BoundModule bound(CausalSelfAttention(2, 1,
                                        {.in_initializer = init::constant(2),
                                         .out_initializer = init::constant(3),
                                         .bias_initializer = init::constant(4)}));
  CHECK(std::ranges::count(bound.get("in_proj.weight"), 2.0) == 12);
  CHECK(std::ranges::count(bound.get("out_proj.weight"), 3.0) == 4);
  CHECK(std::ranges::count(bound.get("in_proj.bias"), 4.0) == 6);
  CHECK(std::ranges::count(bound.get("out_proj.bias"), 4.0) == 2);
}
