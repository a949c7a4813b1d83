// Packing: every element at its place, zeros where there is none.
#include <lockstep/kernels/cpu/matrix_pack.hpp>

#include <doctest/doctest.h>

#include <vector>

using namespace lockstep::cpu;

TEST_CASE_TEMPLATE("pack_rows and pack_columns agree with the index formulas", T, float, double) {
  constexpr int width = packet_width<T>;
  for (const std::int64_t depth : {0, 1, 5, width, 2 * width + 3}) {
    for (const std::int64_t count : {1, width - 1, width, width + 1, 2 * width}) {
      const std::int64_t padded = (count + width - 1) / width * width, step = padded + 2;
      const std::int64_t ld = std::max(depth, count) + 1;
      std::vector<T> from(static_cast<std::size_t>(ld * ld));
      for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<T>(i);
      for (const bool columns : {false, true}) {
        std::vector<T> to(static_cast<std::size_t>(depth * step), T(-1));
        if (columns) {
          pack_columns<T>(depth, count, padded, from.data(), ld, to.data(), step);
        } else {
          pack_rows<T>(depth, count, padded, from.data(), ld, to.data(), step);
        }
        bool right = true;
        for (std::int64_t p = 0; p < depth; ++p) {
          for (std::int64_t i = 0; i < step; ++i) {
            const T expected = i >= padded  ? T(-1)
                               : i >= count ? T(0)
                                            : static_cast<T>(columns ? i * ld + p : p * ld + i);
            right = right && to[static_cast<std::size_t>(p * step + i)] == expected;
          }
        }
        CAPTURE(depth);
        CAPTURE(count);
        CHECK(right);
      }
    }
  }
}
