// Ranges of every dimension, with negative indices, and what is refused.
#include "check_op.hpp"
#include <lockstep/autograd/ops/slice.hpp>

using namespace lockstep;
using check::Values;

namespace {

Values plain_slice(const Shape& shape, int d, std::int64_t begin, std::int64_t end, const Values& x) {
  const std::int64_t inner = shape.slice(d + 1, shape.rank()).numel();
  Values y;
  for (std::int64_t i = 0; i < shape.numel(); ++i) {
    const std::int64_t index = i / inner % shape[d];
    if (index >= begin && index < end) y.push_back(x[static_cast<std::size_t>(i)]);
  }
  return y;
}

}  // namespace

TEST_CASE("ranges of every dimension") {
  for (const Shape& shape : {Shape{5}, Shape{3, 4}, Shape{2, 3, 4}, Shape{2, 5, 1}}) {
    for (int d = 0; d < shape.rank(); ++d) {
      const std::int64_t extent = shape[d];
      for (std::int64_t begin = 0; begin <= extent; ++begin) {
        for (std::int64_t end = begin; end <= extent; ++end) {
          CAPTURE(to_string(shape));
          check::check_op<ops::Slice>(
              {shape},
              [&](auto&, auto& v) {
                return slice(v[0], d - shape.rank(), begin < extent ? begin - extent : begin, end);
              },
              [&](const auto& v) { return plain_slice(shape, d, begin, end, v[0]); });
        }
      }
    }
  }
}

TEST_CASE("ranges outside the dimension are refused") {
  struct SliceOps : OpList<ops::Slice> {};
  Cpu cpu;
  ParameterTable<double> table;
  Tape<Cpu, Fp64, SliceOps> tape(table, cpu);
  const std::vector<double> memory(6, 1.0);
  const auto x = tape.constant({memory.data(), {2, 3}});
  CHECK(slice(x, 1, -2, -1).shape() == Shape{2, 1});
  CHECK_THROWS_WITH_AS(static_cast<void>(slice(x, 1, 0, 4)), "slice: [0, 4) is not a range of dimension 1 of [2, 3]",
                       ShapeError);
  CHECK_THROWS_AS(static_cast<void>(slice(x, 1, 2, 1)), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(slice(x, 1, -4, 1)), ShapeError);
  CHECK_THROWS_AS(static_cast<void>(slice(x, 2, 0, 1)), ShapeError);
}
