// Plans of strided reads: what is contiguous is merged.
#include <lockstep/kernels/strided_plan.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace lockstep;

namespace {

std::string text_of(const Shape& result, const std::int64_t (&strides)[Shape::max_rank]) {
  const StridedPlan plan(result, strides);
  std::string text;
  for (int i = 0; i < plan.rank; ++i) {
    text += concat(plan.dimensions[i].extent, " by ", plan.dimensions[i].stride, "; ");
  }
  return text;
}

}  // namespace

TEST_CASE("contiguous reads are one run") {
  CHECK(text_of({2, 3, 4}, {12, 4, 1}) == "24 by 1; ");
  CHECK(text_of({}, {}) == "1 by 1; ");
  CHECK(text_of({1, 1}, {7, 9}) == "1 by 1; ");
}

TEST_CASE("permutations and repetitions") {
  CHECK(text_of({4, 3}, {1, 4}) == "3 by 4; 4 by 1; ");
  CHECK(text_of({3, 2, 4}, {4, 12, 1}) == "4 by 1; 2 by 12; 3 by 4; ");
  CHECK(text_of({4, 2, 3}, {1, 12, 4}) == "6 by 4; 4 by 1; ");
  CHECK(text_of({5, 3}, {0, 1}) == "3 by 1; 5 by 0; ");
  CHECK(text_of({5, 3}, {0, 0}) == "15 by 0; ");
}
