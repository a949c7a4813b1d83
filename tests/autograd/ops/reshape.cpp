// Another shape for the same memory, and gradients that pass through it.
#include "check_op.hpp"
#include <lockstep/autograd/ops/operators.hpp>
#include <lockstep/autograd/ops/reshape.hpp>

using namespace lockstep;

namespace {

struct ReshapeOps : OpList<ops::Reshape, ops::Unary<functions::MultiplyScalar>, check::WeightedSum> {};

}  // namespace

TEST_CASE("reshape and flatten: values and gradients") {
  const auto same = [](const auto& v) { return v[0]; };
  using check::check_op;
  check_op<ops::Reshape>(
      {{2, 6}},
      [](auto&, auto& v) {
        return reshape(v[0], {3, 4});
      },
      same);
  check_op<ops::Reshape>(
      {{2, 6}},
      [](auto&, auto& v) {
        return reshape(v[0], {3, -1, 2});
      },
      same);
  check_op<ops::Reshape>(
      {{2, 3, 4}}, [](auto&, auto& v) { return flatten(v[0], 1); }, same);
  check_op<ops::Reshape>(
      {{}},
      [](auto&, auto& v) {
        return reshape(v[0], {1, 1});
      },
      same);
  check_op<ops::Reshape>(
      {{0, 3}},
      [](auto&, auto& v) {
        return reshape(v[0], Shape{3, 0});
      },
      same);
}

TEST_CASE("nothing is copied, and extents are inferred") {
  Cpu cpu;
  ParameterTable<double> table;
  Tape<Cpu, Fp64, ReshapeOps> tape(table, cpu);
  const std::vector<double> memory(24, 1.0);
  const auto x = tape.constant({memory.data(), {2, 3, 4}});
  CHECK(reshape(x, {-1}).shape() == Shape{24});
  CHECK(reshape(x, {4, -1}).shape() == Shape{4, 6});
  CHECK(reshape(x, {4, -1}).value().data == memory.data());
  CHECK(flatten(x).shape() == Shape{24});
  CHECK(flatten(x, 1).shape() == Shape{2, 12});
  CHECK(flatten(x, -2).shape() == Shape{2, 12});
  CHECK(flatten(tape.constant({memory.data(), {}})).shape() == Shape{1});
}

TEST_CASE("shapes of another size are refused") {
  Cpu cpu;
  ParameterTable<double> table;
  Tape<Cpu, Fp64, ReshapeOps> tape(table, cpu);
  const std::vector<double> memory(6, 1.0);
  const auto x = tape.constant({memory.data(), {2, 3}});
  CHECK_THROWS_WITH_AS(static_cast<void>(reshape(x, {4, 2})), "reshape: [2, 3] has 6 elements, [4, 2] needs 8 of them",
                       ShapeError);
  CHECK_THROWS_AS(static_cast<void>(reshape(x, {4, -1})), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(reshape(x, {-1, -1})), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(reshape(x, {0, -1})), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(reshape(x, {-2, 3})), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(reshape(x, {-2, -1})), ShapeError);
  constexpr std::int64_t huge = std::int64_t{1} << 40;
  CHECK_THROWS_AS(static_cast<void>(reshape(x, {huge, huge, -1})), ShapeError);
}
