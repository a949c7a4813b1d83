#include "module_test.hpp"
#include <lockstep/nn/embedding.hpp>

using namespace lockstep;
using namespace lockstep::testing;

TEST_CASE("Embedding looks up rows") {
  BoundModule bound(Embedding(3, 2));
  bound.set("weight", {1, 2, 3, 4, 5, 6});
  const auto y = bound(Tensor<std::int32_t>::from({2, 2}, {2, 0, 1, 1}));
  CHECK(y.shape() == Shape{2, 2, 2});
  CHECK(values_of(y) == std::vector<double>{5, 6, 1, 2, 3, 4, 3, 4});
}

TEST_CASE("a weight used for look-up and output is one parameter, and its gradient has both parts") {
  BoundModule bound(Embedding(3, 2));
  bound.set("weight", {1, 2, 3, 4, 5, 6});
  const auto ids = Tensor<std::int32_t>::from({1}, {1});
  const auto y = linear(bound(ids), bound.module.weight);  // 1 x 3: row 1 with every row
  CHECK(values_of(y) == std::vector<double>{11, 25, 39});
  bound.tape.backward(sum(y));
  const auto gradient = bound.store.gradient(0).span();
  // d/dw_j of w_1 . w_j is w_1 for every j, and row 1 gets the sum of all rows besides.
  const double row_sum[2] = {1 + 3 + 5, 2 + 4 + 6};
  for (std::size_t row = 0; row < 3; ++row) {
    CHECK(gradient[2 * row] == 3 + (row == 1 ? row_sum[0] : 0));
    CHECK(gradient[2 * row + 1] == 4 + (row == 1 ? row_sum[1] : 0));
  }
}

TEST_CASE("Embedding refuses extents that are not positive, and names an index out of range") {
  CHECK_THROWS_AS(Embedding(0, 2), ArgumentError);
  BoundModule bound(Embedding(3, 2));
  CHECK_THROWS_WITH_AS(bound(Tensor<std::int32_t>::from({2}, {0, 3})), doctest::Contains("3"), ArgumentError);
}

TEST_CASE("Embedding takes first values from its options") {
  BoundModule bound(Embedding(3, 2, {.initializer = init::constant(0.5)}));
  CHECK(std::ranges::count(bound.get("weight"), 0.5) == 6);
}
