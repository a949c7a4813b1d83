// How shapes multiply: results, offsets, and which matrices come again.
#include <lockstep/autograd/ops/matmul_plan.hpp>

#include <doctest/doctest.h>

#include <vector>

using namespace lockstep;
using detail::MatmulPlan;

TEST_CASE("MatmulPlan: results") {
  CHECK(MatmulPlan({2, 3}, {3, 4}, {}).result == Shape{2, 4});
  CHECK(MatmulPlan({3}, {3}, {}).result == Shape{});
  CHECK(MatmulPlan({3}, {5, 3, 4}, {}).result == Shape{5, 4});
  CHECK(MatmulPlan({5, 2, 3}, {3}, {}).result == Shape{5, 2});
  CHECK(MatmulPlan({6, 1, 3, 2}, {5, 4, 3}, {.transpose_a = true, .transpose_b = true}).result == Shape{6, 5, 2, 4});
}

TEST_CASE("MatmulPlan: every matrix of a broadcast batch, in order") {
  const MatmulPlan plan({2, 1, 3, 5}, {3, 5, 4}, {});
  CHECK(plan.broadcasts_a);
  CHECK(plan.broadcasts_b);
  std::vector<std::int64_t> a, b;
  std::vector<bool> again_a, again_b;
  plan.for_each([&](std::int64_t offset_a, std::int64_t offset_b, std::int64_t index, bool repeats_a, bool repeats_b) {
    CHECK(index == static_cast<std::int64_t>(a.size()));
    a.push_back(offset_a);
    b.push_back(offset_b);
    again_a.push_back(repeats_a);
    again_b.push_back(repeats_b);
  });
  CHECK(a == std::vector<std::int64_t>{0, 0, 0, 15, 15, 15});
  CHECK(b == std::vector<std::int64_t>{0, 20, 40, 0, 20, 40});
  CHECK(again_a == std::vector<bool>{false, true, true, false, true, true});
  CHECK(again_b == std::vector<bool>{false, false, false, true, true, true});
}

TEST_CASE("MatmulPlan: an empty batch has no matrices") {
  int count = 0;
  MatmulPlan({0, 2, 3}, {1, 3, 4}, {}).for_each([&](auto...) { ++count; });
  CHECK(count == 0);
}
