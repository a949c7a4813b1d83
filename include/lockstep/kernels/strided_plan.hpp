// A contiguous result read from memory with any strides, with dimensions merged where they can be: what permutations
// and repetitions are.
#pragma once

#include <lockstep/core/shape.hpp>

#include <cstdint>

namespace lockstep {

/// The dimensions of a strided read, innermost first; there is always at least one.
struct StridedPlan {
  struct Dimension {
    std::int64_t extent;
    std::int64_t stride;  // in elements of the input; 0 repeats
  };

  Dimension dimensions[Shape::max_rank];
  int rank = 0;

  /// The plan for a result of shape `result` whose element (i0, i1, ...) is at i0 * strides[0] + i1 * strides[1] + ...
  constexpr StridedPlan(const Shape& result, const std::int64_t (&strides)[Shape::max_rank]) {
    for (int d = result.rank() - 1; d >= 0; --d) {
      if (result[d] == 1) continue;
      if (rank > 0 && strides[d] == dimensions[rank - 1].stride * dimensions[rank - 1].extent) {
        dimensions[rank - 1].extent *= result[d];
      } else {
        dimensions[rank++] = {result[d], strides[d]};
      }
    }
    if (rank == 0) dimensions[rank++] = {1, 1};
  }
};

}  // namespace lockstep
