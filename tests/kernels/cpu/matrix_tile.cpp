// A tile of a product: full and partial widths, all outputs.
#include <lockstep/kernels/cpu/matrix_tile.hpp>

#include <doctest/doctest.h>

#include <vector>

using namespace lockstep::cpu;

namespace {

template <int Rows, int Packets, class T>
void check_tile(std::int64_t columns, bool accumulate, bool with_bias) {
  constexpr std::int64_t depth = 7, width = Packets * packet_width<T>, ldc = width + 3;
  std::vector<T> a(Rows * depth), b(depth * width), c(Rows * ldc, T(1000)), bias(width);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<T>(i % 5) - 2;
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<T>(i % 7) - 3;
  for (std::size_t i = 0; i < bias.size(); ++i) bias[i] = static_cast<T>(i);
  const TileOutput<T> out{c.data(), ldc, columns, with_bias ? bias.data() : nullptr, T(2), accumulate};
  multiply_tile<Rows, Packets>(depth, a.data(), depth, 1, b.data(), width, out);
  for (std::int64_t i = 0; i < Rows; ++i) {
    for (std::int64_t j = 0; j < ldc; ++j) {
      T expected = 1000;
      if (j < columns) {
        T sum = 0;
        for (std::int64_t p = 0; p < depth; ++p) {
          sum += a[static_cast<std::size_t>(i * depth + p)] * b[static_cast<std::size_t>(p * width + j)];
        }
        expected = 2 * sum + (with_bias ? static_cast<T>(j) : T(0)) + (accumulate ? T(1000) : T(0));
      }
      CHECK(c[static_cast<std::size_t>(i * ldc + j)] == expected);
    }
  }
}

template <int Rows, int Packets, class T>
void check_outputs() {
  for (const bool accumulate : {false, true}) {
    for (const bool with_bias : {false, true}) {
      check_tile<Rows, Packets, T>(Packets * packet_width<T>, accumulate, with_bias);
      check_tile<Rows, Packets, T>(Packets * packet_width<T> - 1, accumulate, with_bias);
      check_tile<Rows, Packets, T>(1, accumulate, with_bias);
    }
  }
}

}  // namespace

TEST_CASE("multiply_tile: whole numbers come out exactly") {
  check_outputs<tile_rows, 2, float>();
  check_outputs<4, 1, float>();
  check_outputs<1, 2, double>();
  check_outputs<tile_rows, 1, double>();
}
