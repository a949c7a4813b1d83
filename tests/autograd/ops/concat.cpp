// Tensors joined along every dimension, a tensor joined with itself, and what is refused.
#include "check_op.hpp"
#include <lockstep/autograd/ops/concat.hpp>
#include <lockstep/autograd/ops/reshape.hpp>

using namespace lockstep;
using check::Values;

namespace {

Values plain_concat(const std::vector<Shape>& shapes, int d, const std::vector<Values>& x) {
  const std::int64_t outer = shapes[0].slice(0, d).numel();
  Values y;
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      const std::int64_t run = shapes[i].slice(d, shapes[i].rank()).numel();
      for (std::int64_t j = 0; j < run; ++j) y.push_back(x[i][static_cast<std::size_t>(o * run + j)]);
    }
  }
  return y;
}

}  // namespace

TEST_CASE("joins along every dimension") {
  const std::vector<std::pair<std::vector<Shape>, int>> cases{
      {{{2}, {3}}, 0},
      {{{2, 3}, {1, 3}, {4, 3}}, 0},
      {{{2, 3}, {2, 1}}, 1},
      {{{2, 3, 2}, {2, 1, 2}}, 1},
      {{{2, 1, 2}, {2, 1, 5}}, 2},
      {{{2, 3}}, 0},
      {{{2, 0}, {2, 3}}, 1},
      {{{0, 3}, {0, 3}}, 0},
  };
  for (const auto& [shapes, dimension] : cases) {
    for (int d : {dimension, dimension - shapes[0].rank()}) {
      check::check_op<ops::Concat>(
          shapes, [&](auto&, auto& v) { return concat(v, d); },
          [&, &all = shapes, where = dimension](const auto& v) { return plain_concat(all, where, v); });
    }
  }
}

TEST_CASE("a tensor joined with itself gets both gradients") {
  check::check_op<ops::Concat>(
      {{2, 3}},
      [](auto&, auto& v) {
        return concat({v[0], v[0], v[0]}, 1);
      },
      [](const auto& v) {
        return plain_concat({{2, 3}, {2, 3}, {2, 3}}, 1, {v[0], v[0], v[0]});
      });
}

TEST_CASE("shapes that differ elsewhere are refused, as is nothing at all") {
  struct ConcatOps : OpList<ops::Concat> {};
  Cpu cpu;
  ParameterTable<double> table;
  using TapeType = Tape<Cpu, Fp64, ConcatOps>;
  TapeType tape(table, cpu);
  const std::vector<double> memory(6, 1.0);
  const auto a = tape.constant({memory.data(), {2, 3}});
  const auto b = tape.constant({memory.data(), {3, 2}});
  const auto c = tape.constant({memory.data(), {6}});
  CHECK_THROWS_WITH_AS(static_cast<void>(concat({a, b}, 0)), "concat: [2, 3] and [3, 2] differ outside dimension 0",
                       ShapeError);
  CHECK_THROWS_AS(static_cast<void>(concat({a, c}, 0)), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(concat({a, a}, 2)), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(concat(std::vector<Var<TapeType>>{}, 0)), ArgumentError);
}
