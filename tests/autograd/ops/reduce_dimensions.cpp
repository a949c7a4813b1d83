// The shapes and stages of reductions over any set of dimensions.
#include <lockstep/autograd/ops/reduce_dimensions.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

using namespace lockstep;

namespace {

// Stands for the context of an op: scratch memory, kept until the end.
struct Scratch {
  std::vector<std::vector<double>> blocks;

  template <class T>
  T* scratch(std::int64_t count) {
    blocks.emplace_back(static_cast<std::size_t>(count));
    return blocks.back().data();
  }
};

std::string stages_of(const Shape& shape, unsigned mask) {
  Scratch scratch;
  std::vector<double> in(static_cast<std::size_t>(shape.numel()) + 1);
  std::vector<double> out(in.size());
  std::string text;
  detail::reduce_dimensions(scratch, shape, mask, Destination<double>{out.data()},
                            static_cast<const double*>(in.data()),
                            [&](std::int64_t outer, std::int64_t count, std::int64_t inner, Destination<double> to,
                                const double* from, bool last) {
                              CHECK((to.data == out.data()) == last);
                              CHECK((from == in.data()) == text.empty());
                              text += concat(outer, " ", count, " ", inner, last ? "." : ", ");
                            });
  return text;
}

}  // namespace

TEST_CASE("reduced shapes") {
  const Shape shape{2, 3, 4};
  CHECK(detail::reduced_shape(shape, 0b010, false) == Shape{2, 4});
  CHECK(detail::reduced_shape(shape, 0b010, true) == Shape{2, 1, 4});
  CHECK(detail::reduced_shape(shape, 0b111, false) == Shape{});
  CHECK(detail::reduced_count(shape, 0b101) == 8);
  CHECK(detail::reduced_count(shape, 0) == 1);
}

TEST_CASE("the dimensions along which an operand was repeated") {
  CHECK(detail::broadcast_mask({2, 3, 4}, {4}) == 0b011U);
  CHECK(detail::broadcast_mask({2, 3, 4}, {3, 1}) == 0b101U);
  CHECK(detail::broadcast_mask({2, 3, 4}, {2, 3, 4}) == 0U);
  CHECK(detail::broadcast_mask({2, 1}, {1, 1}) == 0b01U);
  CHECK(detail::broadcast_mask({2}, {}) == 0b1U);
}

TEST_CASE("neighbours are merged, each run is a stage, the innermost first") {
  CHECK(stages_of({2, 3, 4}, 0b111) == "1 24 1.");
  CHECK(stages_of({2, 3, 4}, 0b011) == "1 6 4.");
  CHECK(stages_of({2, 3, 4}, 0b110) == "2 12 1.");
  CHECK(stages_of({2, 3, 4}, 0b010) == "2 3 4.");
  CHECK(stages_of({2, 3, 4}, 0b101) == "6 4 1, 1 2 3.");
  CHECK(stages_of({2, 1, 4}, 0b101) == "1 8 1.");
  CHECK(stages_of({2, 3, 4, 5, 6}, 0b10101) == "120 6 1, 6 4 5, 1 2 15.");
  CHECK(stages_of({2, 3}, 0) == "1 1 6.");
  CHECK(stages_of({}, 0) == "1 1 1.");
  CHECK(stages_of({0, 3}, 0b01) == "1 0 3.");
}
