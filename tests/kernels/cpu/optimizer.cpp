// The step kernels against the formulas of their coefficients, one element at a time in double.
#include <lockstep/kernels/cpu/optimizer.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace ls = lockstep;

namespace {

template <class T>
std::vector<T> ramp(std::size_t count, double from, double to) {
  std::vector<T> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = static_cast<T>(from + (to - from) * static_cast<double>(i) / static_cast<double>(count));
  }
  return values;
}

}  // namespace

TEST_CASE_TEMPLATE("sgd kernels compute their formulas at every length", T, float, double) {
  ls::Cpu device;
  const ls::SgdCoefficients<T> c{T(0.5), T(0.25), T(0.9), T(0.7), T(0.1), T(0.2)};
  for (std::size_t count = 0; count < 70; ++count) {
    const auto size = static_cast<std::int64_t>(count);
    const auto gradients = ramp<T>(count, -1, 2);
    const auto start = ramp<T>(count, 3, -3);
    const auto old_buffer = ramp<T>(count, 1, 0);
    auto plain = start;
    auto parameters = start;
    auto buffer = old_buffer;
    ls::cpu::OptimizerKernels::sgd(device, size, plain.data(), gradients.data(), c);
    ls::cpu::OptimizerKernels::sgd(device, size, parameters.data(), gradients.data(), buffer.data(), c);
    for (std::size_t i = 0; i < count; ++i) {
      const double d = 0.5 * static_cast<double>(gradients[i]) + 0.25 * static_cast<double>(start[i]);
      const double b = 0.9 * static_cast<double>(old_buffer[i]) + 0.7 * d;
      CHECK(static_cast<double>(plain[i]) == doctest::Approx(static_cast<double>(start[i]) - 0.1 * d).epsilon(1e-5));
      CHECK(static_cast<double>(buffer[i]) == doctest::Approx(b).epsilon(1e-5));
      CHECK(static_cast<double>(parameters[i]) ==
            doctest::Approx(static_cast<double>(start[i]) - 0.1 * d - 0.2 * b).epsilon(1e-5));
    }
  }
}

TEST_CASE_TEMPLATE("the adam kernel computes its formula across its blocks", T, float, double) {
  ls::Cpu device;
  const ls::AdamCoefficients<T> c{T(0.5), T(0.25), T(0.1), T(0.99), T(0.01), T(0.9), T(0.3), T(1.5), T(0.125)};
  for (const std::size_t count : {0u, 1u, 3u, 8u, 255u, 256u, 257u, 700u}) {
    CAPTURE(count);
    const auto gradients = ramp<T>(count, -1, 2);
    const auto start = ramp<T>(count, 3, -3);
    const auto old_m = ramp<T>(count, 1, 0);
    const auto old_v = ramp<T>(count, 0, 4);
    auto parameters = start;
    auto m = old_m;
    auto v = old_v;
    ls::cpu::OptimizerKernels::adam(device, static_cast<std::int64_t>(count), parameters.data(), gradients.data(),
                                    m.data(), v.data(), c);
    for (std::size_t i = 0; i < count; ++i) {
      const double d = 0.5 * static_cast<double>(gradients[i]) + 0.25 * static_cast<double>(start[i]);
      const double m_new = static_cast<double>(old_m[i]) + 0.1 * (d - static_cast<double>(old_m[i]));
      const double v_new = 0.99 * static_cast<double>(old_v[i]) + 0.01 * d * d;
      const double p = 0.9 * static_cast<double>(start[i]) - 0.3 * m_new / (1.5 * std::sqrt(v_new) + 0.125);
      CHECK(static_cast<double>(m[i]) == doctest::Approx(m_new).epsilon(1e-5));
      CHECK(static_cast<double>(v[i]) == doctest::Approx(v_new).epsilon(1e-5));
      CHECK(static_cast<double>(parameters[i]) == doctest::Approx(p).epsilon(1e-5));
    }
  }
}
