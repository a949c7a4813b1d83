// Plans of broadcasts: merged dimensions, dropped extents of 1, strides.
#include <lockstep/kernels/broadcast_plan.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace lockstep;

namespace {

// "both 4 (1, 1); only_a 3 (4, 0); ", innermost first.
std::string text_of(const Shape& a, const Shape& b) {
  const BroadcastPlan plan(broadcast_shapes(a, b, "test"), a, b);
  std::string text;
  for (int i = 0; i < plan.rank; ++i) {
    const auto& d = plan.dimensions[i];
    const char* kind = d.kind == BroadcastKind::both ? "both" : d.kind == BroadcastKind::only_a ? "only_a" : "only_b";
    text += concat(kind, ' ', d.extent, " (", d.stride_a, ", ", d.stride_b, "); ");
  }
  return text;
}

}  // namespace

TEST_CASE("equal shapes and scalars are one loop") {
  CHECK(text_of({2, 3, 4}, {2, 3, 4}) == "both 24 (1, 1); ");
  CHECK(text_of({2, 3, 4}, {}) == "only_a 24 (1, 0); ");
  CHECK(text_of({1, 1}, {2, 3}) == "only_b 6 (0, 1); ");
  CHECK(text_of({}, {1}) == "both 1 (1, 1); ");
}

TEST_CASE("rows and columns are two") {
  CHECK(text_of({2, 3, 4}, {4}) == "both 4 (1, 1); only_a 6 (4, 0); ");
  CHECK(text_of({2, 3, 4}, {2, 1, 1}) == "only_a 12 (1, 0); both 2 (12, 1); ");
  CHECK(text_of({3, 1}, {1, 4}) == "only_b 4 (0, 1); only_a 3 (1, 0); ");
}

TEST_CASE("more dimensions where they are needed") {
  CHECK(text_of({2, 3, 4}, {2, 1, 4}) == "both 4 (1, 1); only_a 3 (4, 0); both 2 (12, 4); ");
  CHECK(text_of({2, 1, 3, 1, 2}, {1, 5, 1, 7, 1}) ==
        "only_a 2 (1, 0); only_b 7 (0, 1); only_a 3 (2, 0); only_b 5 (0, 7); only_a 2 (6, 0); ");
  CHECK(text_of({0, 3}, {3}) == "both 3 (1, 1); only_a 0 (3, 0); ");
}
