// Reduction over any set of dimensions by a kernel that reduces the middle one of three: neighbouring dimensions are
// merged, and each run of reduced ones is a stage of its own, the innermost first.
#pragma once

#include <lockstep/core/shape.hpp>
#include <lockstep/kernels/destination.hpp>

#include <cstdint>

namespace lockstep::detail {

/// The shape after reducing the dimensions in `mask`: extents of 1 with `keepdim`, else without them.
constexpr Shape reduced_shape(const Shape& shape, unsigned mask, bool keepdim) {
  Shape result;
  for (int d = 0; d < shape.rank(); ++d) {
    if ((mask >> d & 1U) == 0) {
      result.push_back(shape[d]);
    } else if (keepdim) {
      result.push_back(1);
    }
  }
  return result;
}

/// How many elements are reduced into one.
constexpr std::int64_t reduced_count(const Shape& shape, unsigned mask) {
  std::int64_t count = 1;
  for (int d = 0; d < shape.rank(); ++d) {
    if ((mask >> d & 1U) != 0) count *= shape[d];
  }
  return count;
}

/// The mask of the dimensions along which an operand of shape `operand` was repeated to give `result`.
constexpr unsigned broadcast_mask(const Shape& result, const Shape& operand) {
  unsigned mask = 0;
  for (int i = 1; i <= result.rank(); ++i) {
    if (i > operand.rank() || operand[-i] != result[-i]) mask |= 1U << (result.rank() - i);
  }
  return mask;
}

/// Calls `stage(outer, count, inner, destination, in, last)` for each run of reduced dimensions.
template <class Context, class T, class Stage>
void reduce_dimensions(Context& context, const Shape& shape, unsigned mask, Destination<T> out, const T* in,
                       Stage&& stage) {
  struct Run {
    std::int64_t extent;
    bool reduced;
  };
  Run runs[Shape::max_rank];
  int count = 0;
  int stages = 0;
  for (int d = 0; d < shape.rank(); ++d) {
    const bool reduced = (mask >> d & 1U) != 0;
    if (shape[d] == 1) continue;
    if (count > 0 && runs[count - 1].reduced == reduced) {
      runs[count - 1].extent *= shape[d];
    } else {
      runs[count++] = {shape[d], reduced};
      stages += reduced ? 1 : 0;
    }
  }
  if (stages == 0) return stage(std::int64_t{1}, std::int64_t{1}, shape.numel(), out, in, true);
  std::int64_t inner = 1;
  for (int r = count - 1; r >= 0; --r) {
    if (!runs[r].reduced) {
      inner *= runs[r].extent;
      continue;
    }
    std::int64_t outer = 1;
    for (int before = 0; before < r; ++before) outer *= runs[before].extent;
    const bool last = --stages == 0;
    const Destination<T> to = last ? out : Destination<T>{context.template scratch<T>(outer * inner), false};
    stage(outer, runs[r].extent, inner, to, in, last);
    in = to.data;
  }
}

/// Sums over the dimensions in `mask` and multiplies the result by `factor`.
template <class Context, class T>
void sum_dimensions(Context& context, const Shape& shape, unsigned mask, Destination<T> out, const T* in,
                    T factor = 1) {
  reduce_dimensions(
      context, shape, mask, out, in,
      [&](std::int64_t outer, std::int64_t count, std::int64_t inner, Destination<T> to, const T* from, bool last) {
        Context::Kernels::sum(context.device, outer, count, inner, to, from, last ? factor : T(1));
      });
}

}  // namespace lockstep::detail
