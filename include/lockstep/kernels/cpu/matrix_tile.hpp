// The innermost part of a matrix product: a tile of C small enough to stay in registers while the sum over k runs.
#pragma once

#include <lockstep/kernels/cpu/packet.hpp>

#include <cstdint>

namespace lockstep::cpu {

/// Rows of the full tile: its sums, two packets a row, and one row of B fill the registers.
inline constexpr int tile_rows = packet_registers == 32 ? 12 : 6;

/// Columns of the full tile.
template <class T>
inline constexpr int tile_columns = 2 * packet_width<T>;

/// Where a tile's sums go: C = alpha * sum + bias, or C += that. Only the first `columns` columns exist.
template <class T>
struct TileOutput {
  T* c;
  std::int64_t ldc;
  std::int64_t columns;
  const T* bias;  // null, or one value per column
  T alpha;
  bool accumulate;
};

/// sum[i][j] over `depth` of a[i * a_row + p * a_step] * b[p * b_step + j], written to `out`.
/// B's rows are read in full packets, whatever `out.columns` is.
template <int Rows, int Packets, class T>
[[gnu::noinline]] LOCKSTEP_WIDE_VECTORS void multiply_tile(std::int64_t depth, const T* __restrict a,
                                                           std::int64_t a_row, std::int64_t a_step,
                                                           const T* __restrict b, std::int64_t b_step,
                                                           const TileOutput<T>& out) {
  constexpr int width = packet_width<T>;
  Packet<T> sum[Rows][Packets] = {};
  for (std::int64_t p = 0; p < depth; ++p) {
    Packet<T> row[Packets];
    LOCKSTEP_UNROLL
    for (int j = 0; j < Packets; ++j) row[j] = load_packet(b + j * width);
    LOCKSTEP_UNROLL
    for (int i = 0; i < Rows; ++i) {
      const T factor = a[i * a_row];
      LOCKSTEP_UNROLL
      for (int j = 0; j < Packets; ++j) sum[i][j] += factor * row[j];
    }
    a += a_step;
    b += b_step;
  }
  if (out.columns == Packets * width) {
    Packet<T> bias[Packets] = {};
    if (out.bias != nullptr) {
      LOCKSTEP_UNROLL
      for (int j = 0; j < Packets; ++j) bias[j] = load_packet(out.bias + j * width);
    }
    T* c = out.c;
    LOCKSTEP_UNROLL
    for (int i = 0; i < Rows; ++i) {
      LOCKSTEP_UNROLL
      for (int j = 0; j < Packets; ++j) {
        Packet<T> value = out.alpha * sum[i][j] + bias[j];
        if (out.accumulate) value += load_packet(c + j * width);
        store_packet(c + j * width, value);
      }
      c += out.ldc;
    }
    return;
  }
  alignas(64) T tile[Rows][Packets * width];
  LOCKSTEP_UNROLL
  for (int i = 0; i < Rows; ++i) {
    LOCKSTEP_UNROLL
    for (int j = 0; j < Packets; ++j) store_packet(&tile[i][j * width], sum[i][j]);
  }
  T* c = out.c;
  for (int i = 0; i < Rows; ++i, c += out.ldc) {
    for (std::int64_t j = 0; j < out.columns; ++j) {
      const T value = out.alpha * tile[i][j] + (out.bias == nullptr ? T(0) : out.bias[j]);
      c[j] = out.accumulate ? c[j] + value : value;
    }
  }
}

}  // namespace lockstep::cpu
