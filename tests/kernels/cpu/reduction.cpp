// Sums, maxima, their places and the way back, over the middle of three extents, around every block size.
#include <lockstep/kernels/cpu/reduction.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

using namespace lockstep;

namespace {

struct Extents {
  std::int64_t outer;
  std::int64_t count;
  std::int64_t inner;
};

const std::vector<Extents> all_extents{{1, 1, 1},    {1, 31, 1},   {3, 32, 1},    {2, 33, 1},  {1, 1024, 1},
                                       {2, 1025, 1}, {1, 5000, 1}, {0, 3, 1},     {3, 0, 1},   {1, 7, 3},
                                       {2, 32, 5},   {2, 33, 127}, {1, 100, 129}, {3, 1, 300}, {2, 0, 4}};

// Whole numbers, so that sums are exact in any order.
std::vector<float> numbers(std::int64_t count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 7919 % 101) - 50;
  return values;
}

}  // namespace

TEST_CASE("sums with a factor, assigning over garbage and adding") {
  Cpu cpu;
  for (const Extents& extents : all_extents) {
    const std::int64_t outer = extents.outer;
    const std::int64_t count = extents.count;
    const std::int64_t inner = extents.inner;
    CAPTURE(count);
    CAPTURE(inner);
    const auto in = numbers(outer * count * inner);
    std::vector<float> out(static_cast<std::size_t>(outer * inner), std::numeric_limits<float>::quiet_NaN());
    for (int times : {1, 2}) {
      cpu::ReductionKernels::sum(cpu, outer, count, inner, Destination<float>{out.data(), times == 2}, in.data(), 0.5F);
      for (std::int64_t o = 0; o < outer; ++o) {
        for (std::int64_t i = 0; i < inner; ++i) {
          float expected = 0;
          for (std::int64_t j = 0; j < count; ++j)
            expected += in[static_cast<std::size_t>((o * count + j) * inner + i)];
          CHECK(out[static_cast<std::size_t>(o * inner + i)] == 0.5F * static_cast<float>(times) * expected);
        }
      }
    }
  }
}

TEST_CASE("maxima, the first of their places, and scattering to them") {
  Cpu cpu;
  for (const Extents& extents : all_extents) {
    const std::int64_t outer = extents.outer;
    const std::int64_t count = extents.count;
    const std::int64_t inner = extents.inner;
    if (count == 0) continue;
    const auto in = numbers(outer * count * inner);
    const auto rows = static_cast<std::size_t>(outer * inner);
    std::vector<float> maxima(rows);
    std::vector<std::int32_t> places(rows);
    cpu::ReductionKernels::max(cpu, outer, count, inner, maxima.data(), in.data());
    cpu::ReductionKernels::argmax(cpu, outer, count, inner, places.data(), in.data());
    std::vector<float> out(in.size(), std::numeric_limits<float>::quiet_NaN());
    cpu::ReductionKernels::scatter(cpu, outer, count, inner, Destination<float>{out.data()}, places.data(),
                                   maxima.data());
    cpu::ReductionKernels::scatter(cpu, outer, count, inner, Destination<float>{out.data(), true}, places.data(),
                                   maxima.data());
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t i = 0; i < inner; ++i) {
        const auto row = static_cast<std::size_t>(o * inner + i);
        std::int64_t place = 0;
        const auto at = [&](std::int64_t j) { return static_cast<std::size_t>((o * count + j) * inner + i); };
        for (std::int64_t j = 1; j < count; ++j) {
          if (in[at(j)] > in[at(place)]) place = j;
        }
        CHECK(maxima[row] == in[at(place)]);
        CHECK(places[row] == place);
        for (std::int64_t j = 0; j < count; ++j) CHECK(out[at(j)] == (j == place ? 2 * maxima[row] : 0));
      }
    }
  }
}

TEST_CASE("a NaN anywhere is the maximum") {
  Cpu cpu;
  for (std::size_t count : {std::size_t{5}, std::size_t{32}, std::size_t{70}}) {
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<float> in(count, 1.0F);
      in[i] = std::numeric_limits<float>::quiet_NaN();
      float maximum = 0;
      std::int32_t place = 0;
      cpu::ReductionKernels::max(cpu, 1, static_cast<std::int64_t>(count), 1, &maximum, in.data());
      cpu::ReductionKernels::argmax(cpu, 1, static_cast<std::int64_t>(count), 1, &place, in.data());
      CHECK(std::isnan(maximum));
      CHECK(place == static_cast<std::int32_t>(i));
    }
  }
}

TEST_CASE("sums of functions of several inputs") {
  Cpu cpu;
  const auto a = numbers(3000);
  const auto b = numbers(3000);
  float total = 0;
  cpu::ReductionKernels::sum_map(
      cpu, 3000, Destination<float>{&total}, 1.0F, [](float x, float y) { return x * y; }, a.data(), b.data());
  double expected = 0;
  for (float x : a) expected += static_cast<double>(x) * static_cast<double>(x);
  CHECK(total == doctest::Approx(expected).epsilon(1e-6));
}

TEST_CASE("the rounding error of a long sum is that of a tree") {
  Cpu cpu;
  constexpr std::int64_t count = 1 << 22;
  std::vector<float> in(count);
  double exact = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    in[i] = 1.0F + static_cast<float>(i % 1000) * 1e-3F;
    exact += static_cast<double>(in[i]);
  }
  float running = 0;
  for (float x : in) running += x;
  float total = 0;
  cpu::ReductionKernels::sum(cpu, 1, count, 1, Destination<float>{&total}, in.data());
  CHECK(std::fabs(total - exact) / exact < 5e-7);
  CHECK(std::fabs(running - exact) / exact > 1e-4);
  std::vector<float> columns(2);
  cpu::ReductionKernels::sum(cpu, 1, count / 2, 2, Destination<float>{columns.data()}, in.data());
  CHECK(std::fabs(static_cast<double>(columns[0]) + static_cast<double>(columns[1]) - exact) / exact < 1e-6);
}
