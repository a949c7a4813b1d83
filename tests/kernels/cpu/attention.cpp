// The attention kernel stays inside its workspace and inside its rows, for every block of queries.
#include <lockstep/kernels/cpu/attention.hpp>

#include <doctest/doctest.h>

#include <vector>

using namespace lockstep;
using Kernels = cpu::AttentionKernels<cpu::BlockedEngine>;

TEST_CASE("attention kernels: uniform scores average the values; gaps between rows and the workspace's end stay") {
  Cpu cpu;
  for (const std::int64_t time : {1, 2, 63, 64, 65, 150}) {
    const AttentionExtents e{1, 2, time, time, 3, 1.0, true, 0};
    const std::int64_t row = 10;  // two heads of three, and a gap of four
    const auto size = static_cast<std::size_t>(time * row);
    std::vector<float> zeros(size), v(size), out(size, -7), dq(size, -7), dk(size, -7), dv(size, -7), lse(2 * size);
    for (std::size_t i = 0; i < size; ++i) v[i] = static_cast<float>(i / static_cast<std::size_t>(row));  // the time
    const auto heads = [&]<class T>(T* data) { return HeadMatrices<T>{data, time * row, 3, row}; };
    const auto constant = [&](const std::vector<float>& x) { return heads(x.data()); };
    std::vector<float> workspace(static_cast<std::size_t>(Kernels::attention_workspace<float>(cpu, e)) + 1, -9);
    Kernels::attention<float>(cpu, e, constant(zeros), constant(zeros), constant(v), heads(out.data()), lse.data(),
                              Philox(0), workspace.data());
    Kernels::attention_backward<float>(cpu, e, constant(zeros), constant(zeros), constant(v), constant(out),
                                       constant(v), lse.data(), Philox(0), heads(dq.data()), false, heads(dk.data()),
                                       false, heads(dv.data()), false, workspace.data());
    CHECK(workspace.back() == -9);
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t t = i / static_cast<std::size_t>(row), column = i % static_cast<std::size_t>(row);
      if (column >= 6) {
        REQUIRE(out[i] == -7);
        REQUIRE(dv[i] == -7);
      } else {
        REQUIRE(out[i] == doctest::Approx(static_cast<double>(t) / 2));  // the mean of 0 ... t
        REQUIRE(dq[i] == 0);                                             // the keys are zero
        double expected = 0;  // query s >= t gives 1 / (s + 1) of its gradient s
        for (std::size_t s = t; s < static_cast<std::size_t>(time); ++s) {
          expected += static_cast<double>(s) / static_cast<double>(s + 1);
        }
        REQUIRE(dv[i] == doctest::Approx(expected).epsilon(1e-4));
      }
    }
  }
}
