// The softmax kernels: along rows and down columns give the same.
#include <lockstep/kernels/cpu/softmax.hpp>

#include <doctest/doctest.h>

#include <vector>

using namespace lockstep;
using Kernels = cpu::SoftmaxKernels;

TEST_CASE("softmax kernels: a matrix by rows, and its transpose by columns") {
  Cpu cpu;
  constexpr std::int64_t rows = 70, columns = 33;
  std::vector<float> x(rows * columns), dy(rows * columns), transposed_x(x.size()), transposed_dy(x.size());
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      const auto at = static_cast<std::size_t>(i * columns + j), there = static_cast<std::size_t>(j * rows + i);
      x[at] = transposed_x[there] = static_cast<float>((i * 7 + j * 3) % 17) / 3;
      dy[at] = transposed_dy[there] = static_cast<float>((i * 5 + j) % 13) - 6;
    }
  }
  std::vector<float> y(x.size()), z(x.size()), dx(x.size()), dz(x.size(), 1);
  const auto compare = [&](float offset) {
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < columns; ++j) {
        const auto at = static_cast<std::size_t>(i * columns + j), there = static_cast<std::size_t>(j * rows + i);
        REQUIRE(z[there] == doctest::Approx(y[at]).epsilon(1e-5));
        REQUIRE(dz[there] - offset == doctest::Approx(dx[at]).epsilon(1e-4));
      }
    }
  };
  Kernels::softmax(cpu, rows, columns, 1, x.data(), y.data());
  Kernels::softmax(cpu, 1, columns, rows, transposed_x.data(), z.data());
  Kernels::softmax_backward(cpu, rows, columns, 1, y.data(), dy.data(), Destination<float>{dx.data(), false});
  Kernels::softmax_backward(cpu, 1, columns, rows, z.data(), transposed_dy.data(), Destination<float>{dz.data(), true});
  compare(1);
  Kernels::log_softmax(cpu, rows, columns, 1, x.data(), y.data());
  Kernels::log_softmax(cpu, 1, columns, rows, transposed_x.data(), z.data());
  Kernels::log_softmax_backward(cpu, rows, columns, 1, y.data(), dy.data(), Destination<float>{dx.data(), false});
  Kernels::log_softmax_backward(cpu, 1, columns, rows, z.data(), transposed_dy.data(),
                                Destination<float>{dz.data(), false});
  compare(0);
}
