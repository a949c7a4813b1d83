// The dropout kernel follows the stream element by element, whatever the count.
#include <lockstep/kernels/cpu/dropout.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <vector>

using namespace lockstep;

TEST_CASE_TEMPLATE("dropout kernel: element i uses number i of the stream", T, float, double) {
  Cpu cpu;
  const Philox random(11, 22);
  for (const std::int64_t count : {0, 1, 5, 63, 64, 65, 200, 1000}) {
    std::vector<T> x(static_cast<std::size_t>(count)), out(x.size(), std::numeric_limits<T>::quiet_NaN());
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(i) + 1;
    for (const bool accumulate : {false, true}) {
      cpu::DropoutKernels::dropout(cpu, count, x.data(), 0.4, random, Destination<T>{out.data(), accumulate});
      bool right = true;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const T factor = static_cast<T>(1 / (1 - 0.4)), value = x[i] * factor;
        const T once = to_uniform(random.at(i)) < 0.4F ? T(0) : value;
        right = right && std::fabs(out[i] - (accumulate ? 2 : 1) * once) <= T(1e-6) * value;
      }
      CAPTURE(count);
      CHECK(right);
    }
  }
}
