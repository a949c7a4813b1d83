// Every permutation of small shapes against the obvious loop.
#include "check_op.hpp"
#include <lockstep/autograd/ops/permute.hpp>

#include <algorithm>

using namespace lockstep;
using check::Values;

namespace {

Values plain_permute(const Shape& shape, const std::vector<int>& order, const Values& x) {
  const int rank = shape.rank();
  std::vector<std::int64_t> strides(static_cast<std::size_t>(rank), 1);
  for (int d = rank - 2; d >= 0; --d) {
    strides[static_cast<std::size_t>(d)] = strides[static_cast<std::size_t>(d) + 1] * shape[d + 1];
  }
  Values y;
  for (std::int64_t i = 0; i < shape.numel(); ++i) {
    std::int64_t rest = i;
    std::int64_t from = 0;
    for (int d = rank - 1; d >= 0; --d) {
      const int source = order[static_cast<std::size_t>(d)];
      from += rest % shape[source] * strides[static_cast<std::size_t>(source)];
      rest /= shape[source];
    }
    y.push_back(x[static_cast<std::size_t>(from)]);
  }
  return y;
}

}  // namespace

TEST_CASE("every order of the dimensions") {
  for (const Shape& shape : {Shape{}, Shape{3}, Shape{17, 5}, Shape{3, 35}, Shape{2, 3, 4}, Shape{2, 1, 4},
                             Shape{3, 2, 2, 3}, Shape{0, 2}}) {
    std::vector<int> order;
    for (int d = 0; d < shape.rank(); ++d) order.push_back(d);
    do {
      CAPTURE(to_string(shape));
      check::check_op<ops::Permute>(
          {shape}, [&](auto&, auto& v) { return permute(v[0], std::span<const int>(order)); },
          [&](const auto& v) { return plain_permute(shape, order, v[0]); });
    } while (std::next_permutation(order.begin(), order.end()));
  }
  const Shape deep{2, 3, 1, 2, 2, 3};
  const std::vector<int> order{5, 1, 3, 2, 0, 4};
  check::check_op<ops::Permute>(
      {deep},
      [&](auto&, auto& v) {
        return permute(v[0], {-1, 1, 3, -4, 0, 4});
      },
      [&](const auto& v) { return plain_permute(deep, order, v[0]); });
}

TEST_CASE("transpose exchanges two dimensions") {
  check::check_op<ops::Permute>(
      {{2, 3, 4}},
      [](auto&, auto& v) {
        const auto y = transpose(v[0], 0, -1);
        CHECK(y.shape() == Shape{4, 3, 2});
        return y;
      },
      [](const auto& v) {
        return plain_permute({2, 3, 4}, {2, 1, 0}, v[0]);
      });
}

TEST_CASE("orders that are no permutation are refused") {
  struct PermuteOps : OpList<ops::Permute> {};
  Cpu cpu;
  ParameterTable<double> table;
  Tape<Cpu, Fp64, PermuteOps> tape(table, cpu);
  const std::vector<double> memory(6, 1.0);
  const auto x = tape.constant({memory.data(), {2, 3}});
  CHECK_THROWS_AS(static_cast<void>(permute(x, {0})), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(permute(x, {0, 0})), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(permute(x, {0, 2})), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(permute(x, {0, 1, 1})), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(transpose(x, 0, 2)), ShapeError);
}
