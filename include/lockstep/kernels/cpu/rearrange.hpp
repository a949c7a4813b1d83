// Copies that change the order of elements. Contiguous runs are copied as such; a permutation that has none is done in
// square tiles, so that reads and writes both stay within a few cache lines.
#pragma once

#include <lockstep/kernels/destination.hpp>
#include <lockstep/kernels/strided_plan.hpp>
#include <lockstep/tensor/cpu.hpp>

#include <cstdint>

namespace lockstep::cpu {

struct RearrangeKernels {
  /// Copies `count` runs of `run` elements; runs begin `out_stride` and `in_stride` elements apart. Adds instead when
  /// the destination accumulates.
  template <class T>
  static void copy_runs(Cpu&, std::int64_t count, std::int64_t run, Destination<T> out, std::int64_t out_stride,
                        const T* in, std::int64_t in_stride) {
    for (std::int64_t i = 0; i < count; ++i) copy_run(run, out + i * out_stride, in + i * in_stride);
  }

  /// out[i] = in[where the plan says], for all elements of the result; adds instead when the destination accumulates.
  template <class T>
  static void rearrange(Cpu&, const StridedPlan& plan, Destination<T> out, const T* in) {
    for (int d = 0; d < plan.rank; ++d) {
      if (plan.dimensions[d].extent == 0) return;
    }
    const StridedPlan::Dimension inner = plan.dimensions[0];
    // The dimension that is contiguous in the input, when it is not the innermost of the result.
    int other = 0;
    std::int64_t other_step = inner.extent;  // between its elements in the result
    if (inner.stride > 1) {
      for (other = 1; other < plan.rank && plan.dimensions[other].stride != 1; ++other) {
        other_step *= plan.dimensions[other].extent;
      }
      if (other == plan.rank) other = 0;
    }
    std::int64_t position[Shape::max_rank] = {};
    std::int64_t at = 0;  // in the result
    for (;;) {
      if (other > 0) {
        transpose(inner.extent, plan.dimensions[other].extent, out + at, other_step, in, inner.stride);
      } else if (inner.stride == 1) {
        copy_run(inner.extent, out + at, in);
      } else {
        for (std::int64_t i = 0; i < inner.extent; ++i) store(out, at + i, in[i * inner.stride]);
      }
      std::int64_t step = inner.extent;
      int d = 1;
      for (; d < plan.rank; ++d) {
        const StridedPlan::Dimension& dimension = plan.dimensions[d];
        if (d != other) {
          at += step;
          in += dimension.stride;
          if (++position[d] < dimension.extent) break;
          at -= step * dimension.extent;
          in -= dimension.stride * dimension.extent;
          position[d] = 0;
        }
        step *= dimension.extent;
      }
      if (d == plan.rank) return;
    }
  }

 private:
  static constexpr std::int64_t tile = 16;

  template <class T>
  static void store(Destination<T> out, std::int64_t i, T value) {
    out.data[i] = out.accumulate ? out.data[i] + value : value;
  }

  template <class T>
  static void copy_run(std::int64_t count, Destination<T> out, const T* __restrict in) {
    T* __restrict result = out.data;
    if (out.accumulate) {
      for (std::int64_t i = 0; i < count; ++i) result[i] += in[i];
    } else {
      for (std::int64_t i = 0; i < count; ++i) result[i] = in[i];
    }
  }

  /// out[c * out_step + r] = in[r * in_step + c] for r < rows, c < columns.
  template <class T>
  static void transpose(std::int64_t rows, std::int64_t columns, Destination<T> out, std::int64_t out_step, const T* in,
                        std::int64_t in_step) {
    for (std::int64_t row = 0; row < rows; row += tile) {
      const std::int64_t row_end = row + tile < rows ? row + tile : rows;
      for (std::int64_t column = 0; column < columns; column += tile) {
        const std::int64_t column_end = column + tile < columns ? column + tile : columns;
        for (std::int64_t c = column; c < column_end; ++c) {
          T* __restrict result = out.data + c * out_step;
          const T* __restrict source = in + c;
          if (out.accumulate) {
            for (std::int64_t r = row; r < row_end; ++r) result[r] += source[r * in_step];
          } else {
            for (std::int64_t r = row; r < row_end; ++r) result[r] = source[r * in_step];
          }
        }
      }
    }
  }
};

}  // namespace lockstep::cpu
