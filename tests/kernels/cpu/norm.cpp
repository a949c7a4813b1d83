// Sums of squares against a plain loop, at every length around the borders of lanes and blocks.
#include <lockstep/kernels/cpu/norm.hpp>

#include <doctest/doctest.h>

#include <vector>

namespace ls = lockstep;

TEST_CASE("square_sums of every length") {
  ls::Cpu device;
  for (const std::int64_t count : {0, 1, 15, 16, 17, 100, 4095, 4096, 4097, 8192, 10'000}) {
    CAPTURE(count);
    std::vector<float> values(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 7) - 2.5f;  // exact in double
    std::vector<double> expected((values.size() + 4095) / 4096 + 1, -1.0);
    std::vector<double> got = expected;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i % 4096 == 0) expected[i / 4096] = 0.0;
      expected[i / 4096] += static_cast<double>(values[i]) * static_cast<double>(values[i]);
    }
    ls::cpu::NormKernels::square_sums(device, count, values.data(), got.data());
    CHECK(got == expected);
  }
}

TEST_CASE("clamp limits both sides") {
  ls::Cpu device;
  std::vector<double> values{-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0};
  ls::cpu::NormKernels::clamp(device, 7, values.data(), 1.0);
  CHECK(values == std::vector<double>{-1.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.0});
}
