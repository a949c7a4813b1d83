// Strided reads and runs against the obvious loop, assigning over garbage and adding.
#include <lockstep/kernels/cpu/rearrange.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <utility>
#include <vector>

using namespace lockstep;

namespace {

struct Case {
  Shape result;
  std::int64_t strides[Shape::max_rank];
};

std::vector<float> counting(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i + 1);
  return values;
}

}  // namespace

TEST_CASE("permutations, repetitions and steps") {
  const std::vector<Case> cases{
      {{}, {}},
      {{40}, {1}},
      {{4, 10}, {10, 1}},
      {{10, 4}, {1, 10}},
      {{35, 17}, {1, 35}},
      {{16, 32}, {1, 16}},
      {{3, 4, 5}, {5, 15, 1}},
      {{5, 3, 4}, {1, 20, 5}},
      {{5, 4, 3}, {1, 5, 20}},
      {{4, 5, 3}, {5, 1, 20}},
      {{2, 3, 4, 5}, {60, 5, 15, 1}},
      {{5, 2, 4, 3}, {1, 60, 5, 20}},
      {{2, 3, 2, 3, 2, 3}, {1, 2, 6, 12, 36, 72}},
      {{6, 7}, {0, 1}},
      {{6, 7}, {1, 0}},
      {{3, 4, 5}, {1, 0, 3}},
      {{4, 5}, {7, 3}},
      {{0, 4}, {4, 1}},
      {{4, 0}, {1, 4}},
  };
  Cpu cpu;
  const auto in = counting(1000);
  for (const Case& c : cases) {
    CAPTURE(to_string(c.result));
    std::vector<float> out(static_cast<std::size_t>(c.result.numel()) + 1, std::numeric_limits<float>::quiet_NaN());
    out.back() = 77;
    const StridedPlan plan(c.result, c.strides);
    for (int times : {1, 2}) {
      cpu::RearrangeKernels::rearrange(cpu, plan, Destination<float>{out.data(), times == 2}, in.data());
      for (std::int64_t i = 0; i < c.result.numel(); ++i) {
        std::int64_t rest = i;
        std::int64_t from = 0;
        for (int d = c.result.rank() - 1; d >= 0; --d) {
          from += rest % c.result[d] * c.strides[d];
          rest /= c.result[d];
        }
        CHECK(out[static_cast<std::size_t>(i)] == static_cast<float>(times) * in[static_cast<std::size_t>(from)]);
      }
    }
    CHECK(out.back() == 77);
  }
}

TEST_CASE("runs at a distance") {
  Cpu cpu;
  const auto in = counting(100);
  std::vector<float> out(100, -1.0F);
  cpu::RearrangeKernels::copy_runs(cpu, 4, 3, Destination<float>{out.data()}, 5, in.data() + 2, 10);
  cpu::RearrangeKernels::copy_runs(cpu, 1, 2, Destination<float>{out.data(), true}, 0, in.data(), 0);
  CHECK(out[0] == in[2] + in[0]);
  CHECK(out[1] == in[3] + in[1]);
  CHECK(out[2] == in[4]);
  CHECK(out[3] == -1.0F);
  CHECK(out[5] == in[12]);
  CHECK(out[17] == in[34]);
  CHECK(out[18] == -1.0F);
}
