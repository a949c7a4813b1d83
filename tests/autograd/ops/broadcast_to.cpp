// Repetition against the obvious loop, and what is refused.
#include "check_op.hpp"
#include "naive_broadcast.hpp"
#include <lockstep/autograd/ops/broadcast_to.hpp>

using namespace lockstep;
using check::Values;

TEST_CASE("repeats along new dimensions and extents of 1") {
  const std::vector<std::pair<Shape, Shape>> cases{
      {{}, {3}},
      {{}, {}},
      {{1}, {5}},
      {{3}, {2, 3}},
      {{3, 1}, {3, 4}},
      {{3, 1}, {2, 3, 4}},
      {{1, 3, 1}, {2, 3, 4}},
      {{2, 1, 2, 1}, {2, 3, 2, 2}},
      {{2, 3}, {2, 3}},
      {{1, 3}, {0, 3}},
  };
  for (const auto& shapes : cases) {
    const Shape& from = shapes.first;
    const Shape& to = shapes.second;
    CAPTURE(to_string(from));
    CAPTURE(to_string(to));
    check::check_op<ops::BroadcastTo>(
        {from}, [&, &shape = to](auto&, auto& v) { return broadcast_to(v[0], shape); },
        [&, &x = from, &y = to](const auto& v) {
          Values result;
          for (std::int64_t i = 0; i < y.numel(); ++i) {
            result.push_back(v[0][check::broadcast_index(y, x, i)]);
          }
          return result;
        });
  }
}

TEST_CASE("shapes that it does not broadcast to are refused") {
  struct BroadcastOps : OpList<ops::BroadcastTo> {};
  Cpu cpu;
  ParameterTable<double> table;
  Tape<Cpu, Fp64, BroadcastOps> tape(table, cpu);
  const std::vector<double> memory(6, 1.0);
  const auto x = tape.constant({memory.data(), {2, 3}});
  CHECK_THROWS_AS(static_cast<void>(broadcast_to(x, {3})), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(broadcast_to(x, {2, 4})), ShapeError);
  CHECK_THROWS_WITH_AS(static_cast<void>(broadcast_to(x, {1, 3})), "broadcast_to: [2, 3] cannot be repeated to [1, 3]",
                       ShapeError);
}
