// Sums over rows, assigned and accumulated.
#include <lockstep/kernels/cpu/column_sums.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <vector>

using namespace lockstep;

TEST_CASE_TEMPLATE("column_sums", T, float, double) {
  Cpu cpu;
  for (const std::int64_t rows : {0, 1, 3, 64, 131}) {
    for (const std::int64_t columns : {1, 5, 33, 600}) {
      std::vector<T> in(static_cast<std::size_t>(rows * columns)), out(static_cast<std::size_t>(columns));
      for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<T>(i % 9) - 4;
      for (const bool accumulate : {false, true}) {
        out.assign(out.size(), accumulate ? T(7) : std::numeric_limits<T>::quiet_NaN());
        cpu::ColumnSums::column_sums(cpu, rows, columns, in.data(), Destination<T>{out.data(), accumulate});
        bool right = true;
        for (std::size_t j = 0; j < out.size(); ++j) {
          T expected = accumulate ? 7 : 0;
          for (std::size_t i = j; i < in.size(); i += out.size()) expected += in[i];
          right = right && out[j] == expected;
        }
        CAPTURE(rows);
        CAPTURE(columns);
        CHECK(right);
      }
    }
  }
}
