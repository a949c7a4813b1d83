// Matrix products on the CPU. The engine that computes them is a policy; the library's own cuts the product into
// blocks for the caches and tiles for the registers (Goto and van de Geijn 2008) and needs no other library.
#pragma once

#include <lockstep/kernels/cpu/matrix_engine.hpp>
#include <lockstep/kernels/cpu/matrix_pack.hpp>
#include <lockstep/kernels/cpu/matrix_tile.hpp>
#include <lockstep/kernels/cpu/matrix_vector.hpp>
#include <lockstep/kernels/matrix_product.hpp>
#include <lockstep/tensor/cpu.hpp>

#include <algorithm>
#include <cstdint>

namespace lockstep::cpu {

/// The library's engine. Sums over k run in blocks of fixed size, one after the other, whatever m and n are.
struct BlockedEngine {
  template <class T>
  static std::int64_t workspace_size(const MatrixProduct<T>& product) {
    const Blocks<T> blocks(product);
    return blocks.packed_a + blocks.packed_b;
  }

  template <class T>
  static void multiply(const MatrixProduct<T>& product, T* workspace) {
    if (product.m == 0 || product.n == 0) return;
    if (product.k == 0) return start(product);
    if (multiply_by_vector(product)) return;
    const Blocks<T> blocks(product);
    T* packed_b = workspace + blocks.packed_a;
    for (std::int64_t p = 0; p < product.k; p += blocks.depth) {
      const std::int64_t depth = std::min(blocks.depth, product.k - p);
      for (std::int64_t j = 0; j < product.n; j += blocks.columns) {
        const std::int64_t columns = std::min(blocks.columns, product.n - j);
        pack_b(product, blocks, p, depth, j, columns, packed_b);
        for (std::int64_t i = 0; i < product.m; i += blocks.rows) {
          const std::int64_t rows = std::min(blocks.rows, product.m - i);
          if (blocks.packed_a > 0) pack_a(product, p, depth, i, rows, workspace);
          multiply_block(product, blocks, p, depth, i, rows, j, columns, workspace, packed_b);
        }
      }
    }
  }

 private:
  /// How the product is cut, and what is copied.
  template <class T>
  struct Blocks {
    // A panel of B takes 32 KiB of the first-level cache, a block of A half a MiB of the second, a block of B one or
    // two of the third.
    static constexpr std::int64_t element = sizeof(T);
    static constexpr std::int64_t most_depth = std::min<std::int64_t>(512, (32 << 10) / (tile_columns<T> * element));
    static constexpr std::int64_t most_rows = (512 << 10) / (most_depth * element) / tile_rows * tile_rows;
    static constexpr std::int64_t most_columns = 1024;
    static constexpr std::int64_t few_rows = 72;

    std::int64_t depth, rows, columns;
    bool direct_b;  // full panels of B are read where they are
    std::int64_t packed_a = 0;
    std::int64_t packed_b;

    explicit Blocks(const MatrixProduct<T>& product) {
      const std::int64_t slices = std::max<std::int64_t>(1, (product.k + most_depth - 1) / most_depth);
      depth = (product.k + slices - 1) / slices;
      rows = std::min(most_rows, product.m);
      columns = std::min(most_columns, product.n);
      direct_b = !product.transpose_b && product.m <= few_rows;
      if (product.transpose_a && product.n > tile_columns<T>) packed_a = depth * round_up(rows, tile_rows);
      packed_b = depth * (direct_b ? tile_columns<T> : round_up(columns, tile_columns<T>));
    }
  };

  static constexpr std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
  }

  /// C before any term of the sum.
  template <class T>
  static void start(const MatrixProduct<T>& product) {
    for (std::int64_t i = 0; i < product.m; ++i) {
      T* c = product.c + i * product.ldc;
      for (std::int64_t j = 0; j < product.n; ++j) {
        const T value = product.bias == nullptr ? T(0) : product.bias[j];
        c[j] = product.accumulate ? c[j] + value : value;
      }
    }
  }

  /// Does the product and returns true if it is one of a matrix and a vector that lies in memory as it should.
  template <class T>
  static bool multiply_by_vector(const MatrixProduct<T>& q) {
    if (q.m == 1) {
      const std::int64_t step = q.transpose_a ? q.lda : 1;
      if (q.transpose_b) {
        if (step != 1) return false;
        multiply_rows_by_vector(q.n, q.k, q.alpha, q.b, q.ldb, q.a, q.c, 1, q.bias, 1, q.accumulate);
      } else {
        start_unless_plain(q);
        add_combination_of_rows(q.n, q.k, q.alpha, q.b, q.ldb, q.a, step, q.c);
      }
      return true;
    }
    if (q.n == 1) {
      const std::int64_t step = q.transpose_b ? 1 : q.ldb;
      if (!q.transpose_a) {
        if (step != 1) return false;
        multiply_rows_by_vector(q.m, q.k, q.alpha, q.a, q.lda, q.b, q.c, q.ldc, q.bias, 0, q.accumulate);
      } else {
        if (q.ldc != 1) return false;
        start_unless_plain(q);
        add_combination_of_rows(q.m, q.k, q.alpha, q.a, q.lda, q.b, step, q.c);
      }
      return true;
    }
    return false;
  }

  template <class T>
  static void start_unless_plain(const MatrixProduct<T>& product) {
    if (!product.accumulate || product.bias != nullptr) start(product);
  }

  template <class T>
  static void pack_a(const MatrixProduct<T>& product, std::int64_t p, std::int64_t depth, std::int64_t i,
                     std::int64_t rows, T* to) {
    const T* from = product.a + p * product.lda + i;
    for (std::int64_t r = 0; r < rows; r += tile_rows) {
      if (rows - r >= tile_rows) {
        pack_rows<T>(depth, tile_rows, tile_rows, from + r, product.lda, to + r * depth, tile_rows);
      } else {
        pack_rows<T>(depth, rows - r, rows - r, from + r, product.lda, to + r * depth, tile_rows);
      }
    }
  }

  template <class T>
  static void pack_b(const MatrixProduct<T>& product, const Blocks<T>& blocks, std::int64_t p, std::int64_t depth,
                     std::int64_t j, std::int64_t columns, T* to) {
    constexpr std::int64_t full = tile_columns<T>;
    for (std::int64_t c = 0; c < columns; c += full) {
      const std::int64_t count = std::min(full, columns - c);
      if (blocks.direct_b && count == full) continue;
      const std::int64_t padded = round_up(count, packet_width<T>);
      T* panel = blocks.direct_b ? to : to + c * depth;
      if (product.transpose_b) {
        pack_columns<T>(depth, count, padded, product.b + (j + c) * product.ldb + p, product.ldb, panel, padded);
      } else if (count == full) {
        pack_rows<T>(depth, full, full, product.b + p * product.ldb + j + c, product.ldb, panel, full);
      } else {
        pack_rows<T>(depth, count, padded, product.b + p * product.ldb + j + c, product.ldb, panel, padded);
      }
    }
  }

  /// One block of C: panels of B in turn, and for each all tiles of A's rows.
  template <class T>
  static void multiply_block(const MatrixProduct<T>& product, const Blocks<T>& blocks, std::int64_t p,
                             std::int64_t depth, std::int64_t i, std::int64_t rows, std::int64_t j,
                             std::int64_t columns, const T* packed_a, const T* packed_b) {
    constexpr std::int64_t full = tile_columns<T>;
    for (std::int64_t c = 0; c < columns; c += full) {
      const std::int64_t count = std::min(full, columns - c);
      const T* b = packed_b + c * depth;
      std::int64_t b_step = round_up(count, packet_width<T>);
      if (blocks.direct_b) {
        b = count == full ? product.b + p * product.ldb + j + c : packed_b;
        if (count == full) b_step = product.ldb;
      }
      TileOutput<T> out{product.c + i * product.ldc + j + c,
                        product.ldc,
                        count,
                        p == 0 && product.bias != nullptr ? product.bias + j + c : nullptr,
                        product.alpha,
                        product.accumulate || p > 0};
      for (std::int64_t r = 0; r < rows; r += tile_rows) {
        const T* a;
        std::int64_t a_row, a_step;
        if (blocks.packed_a > 0) {
          a = packed_a + r * depth, a_row = 1, a_step = tile_rows;
        } else if (product.transpose_a) {
          a = product.a + p * product.lda + i + r, a_row = 1, a_step = product.lda;
        } else {
          a = product.a + (i + r) * product.lda + p, a_row = product.lda, a_step = 1;
        }
        const std::int64_t count_rows = std::min<std::int64_t>(tile_rows, rows - r);
        if (count > packet_width<T>) {
          multiply_rows<2>(count_rows, depth, a, a_row, a_step, b, b_step, out);
        } else {
          multiply_rows<1>(count_rows, depth, a, a_row, a_step, b, b_step, out);
        }
        out.c += tile_rows * product.ldc;
      }
    }
  }

  /// One tile, or when rows are missing several smaller ones.
  template <int Packets, class T>
  static void multiply_rows(std::int64_t rows, std::int64_t depth, const T* a, std::int64_t a_row, std::int64_t a_step,
                            const T* b, std::int64_t b_step, TileOutput<T> out) {
    if (rows == tile_rows) return multiply_tile<tile_rows, Packets>(depth, a, a_row, a_step, b, b_step, out);
    const auto tile = [&]<int Rows>() {
      multiply_tile<Rows, Packets>(depth, a, a_row, a_step, b, b_step, out);
      a += Rows * a_row;
      out.c += Rows * out.ldc;
      rows -= Rows;
    };
    if constexpr (tile_rows > 8) {
      if (rows >= 8) tile.template operator()<8>();
    }
    if (rows >= 4) tile.template operator()<4>();
    if (rows >= 2) tile.template operator()<2>();
    if (rows >= 1) tile.template operator()<1>();
  }
};

static_assert(MatrixEngine<BlockedEngine, float> && MatrixEngine<BlockedEngine, double>);

template <class Engine>
requires(MatrixEngine<Engine, float>&& MatrixEngine<Engine, double>) struct MatrixProductKernels {
  /// The elements of scratch memory that `matrix_product` needs.
  template <class T>
  static std::int64_t matrix_product_workspace(Cpu&, const MatrixProduct<T>& product) {
    return Engine::workspace_size(product);
  }

  /// C = alpha * op(A) op(B) + bias, or C += that, for every matrix of the batch.
  template <class T>
  static void matrix_product(Cpu&, MatrixProduct<T> product, T* workspace) {
    for (std::int64_t i = 0; i < product.batch; ++i) {
      Engine::multiply(product, workspace);
      product.a += product.stride_a;
      product.b += product.stride_b;
      product.c += product.stride_c;
    }
  }
};

}  // namespace lockstep::cpu
