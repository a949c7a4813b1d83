// Broadcasting against the obvious loop, with inputs of the result's own shape, assigning over garbage and adding.
#include <lockstep/kernels/cpu/broadcast.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <utility>
#include <vector>

using namespace lockstep;

namespace {

std::int64_t index_in(const Shape& result, const Shape& operand, std::int64_t i) {
  std::int64_t index = 0;
  std::int64_t stride = 1;
  for (int d = 1; d <= operand.rank(); ++d) {
    if (operand[-d] != 1) index += i % result[-d] * stride;
    i /= result[-d];
    stride *= operand[-d];
  }
  return index;
}

std::vector<float> counting(const Shape& shape, float first) {
  std::vector<float> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = first + static_cast<float>(i);
  return values;
}

}  // namespace

TEST_CASE("every kind of broadcast") {
  const std::vector<std::pair<Shape, Shape>> cases{
      {{}, {}},
      {{70}, {70}},
      {{70}, {}},
      {{}, {70}},
      {{5, 33}, {33}},
      {{33}, {5, 33}},
      {{5, 33}, {5, 1}},
      {{5, 1}, {5, 33}},
      {{5, 1}, {1, 33}},
      {{2, 3, 4}, {3, 1}},
      {{2, 1, 4}, {3, 1}},
      {{2, 3, 2, 3}, {3, 1, 3}},
      {{0, 3}, {3}},
      {{3, 0}, {3, 1}},
      {{2, 1, 2, 1, 2, 1}, {1, 3, 1, 3, 1, 3}},
  };
  const auto f = [](float a, float b, float full) { return 1000 * a + b + full; };
  Cpu cpu;
  for (const auto& shapes : cases) {
    const Shape& shape_a = shapes.first;
    const Shape& shape_b = shapes.second;
    CAPTURE(to_string(shape_a));
    CAPTURE(to_string(shape_b));
    const Shape result = broadcast_shapes(shape_a, shape_b, "test");
    const auto a = counting(shape_a, 1);
    const auto b = counting(shape_b, 2);
    const auto full = counting(result, 0.5F);
    std::vector<float> out(full.size() + 1, std::numeric_limits<float>::quiet_NaN());
    out.back() = 77;
    const BroadcastPlan plan(result, shape_a, shape_b);
    for (int times : {1, 2}) {
      cpu::BroadcastKernels::broadcast(cpu, plan, Destination<float>{out.data(), times == 2}, f, a.data(), b.data(),
                                       full.data());
      for (std::int64_t i = 0; i < result.numel(); ++i) {
        const auto at = static_cast<std::size_t>(i);
        const float once = f(a[static_cast<std::size_t>(index_in(result, shape_a, i))],
                             b[static_cast<std::size_t>(index_in(result, shape_b, i))], full[at]);
        CHECK(out[at] == static_cast<float>(times) * once);
      }
    }
    CHECK(out.back() == 77);
  }
}
