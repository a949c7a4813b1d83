// Elementwise loops of all lengths around the vector width: assign over garbage, add, and nothing beyond the end.
#include <lockstep/kernels/cpu/elementwise.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <vector>

using namespace lockstep;

namespace {

constexpr float garbage = std::numeric_limits<float>::quiet_NaN();

}  // namespace

TEST_CASE("map assigns and adds") {
  Cpu cpu;
  for (std::int64_t count : {0, 1, 7, 16, 33, 1000}) {
    const auto size = static_cast<std::size_t>(count);
    std::vector<float> a(size);
    std::vector<float> b(size);
    for (std::size_t i = 0; i < size; ++i) {
      a[i] = static_cast<float>(i);
      b[i] = static_cast<float>(i % 5);
    }
    std::vector<float> out(size + 1, garbage);
    out[size] = 123;
    const auto f = [](float x, float y) { return x + 2 * y; };
    cpu::Elementwise::map(cpu, count, Destination<float>{out.data()}, f, a.data(), b.data());
    for (std::size_t i = 0; i < size; ++i) CHECK(out[i] == a[i] + 2 * b[i]);
    cpu::Elementwise::map(cpu, count, Destination<float>{out.data(), true}, f, a.data(), b.data());
    for (std::size_t i = 0; i < size; ++i) CHECK(out[i] == 2 * (a[i] + 2 * b[i]));
    CHECK(out[size] == 123);
  }
}

TEST_CASE("fill and scale") {
  Cpu cpu;
  std::vector<float> out(5, garbage);
  cpu::Elementwise::fill(cpu, 4, Destination<float>{out.data()}, 3.0F);
  cpu::Elementwise::fill(cpu, 4, Destination<float>{out.data(), true}, 1.0F);
  out[4] = 7;
  cpu::Elementwise::scale(cpu, 4, out.data(), 0.5F);
  CHECK(out == std::vector<float>{2, 2, 2, 2, 7});
}

TEST_CASE("all_finite finds one NaN or infinity anywhere") {
  Cpu cpu;
  for (std::int64_t count : {0, 1, 31, 32, 33, 100}) {
    std::vector<float> values(static_cast<std::size_t>(count), 1e38F);
    CHECK(cpu::Elementwise::all_finite(cpu, count, values.data()));
    for (std::size_t i = 0; i < values.size(); ++i) {
      for (float bad : {garbage, std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
        values[i] = bad;
        CHECK_FALSE(cpu::Elementwise::all_finite(cpu, count, values.data()));
      }
      values[i] = 1e38F;
    }
  }
}
