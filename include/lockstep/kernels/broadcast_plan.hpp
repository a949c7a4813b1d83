// How two tensors meet under broadcasting, with everything that does not matter taken out: extents of 1 are dropped and
// neighbouring dimensions that broadcast alike are one, so that nearly every case is a loop or two.
#pragma once

#include <lockstep/core/shape.hpp>

#include <cstdint>

namespace lockstep {

/// Which operand advances along a dimension.
enum class BroadcastKind : std::uint8_t { both, only_a, only_b };

/// The dimensions of a broadcast, innermost first; there is always at least one.
struct BroadcastPlan {
  struct Dimension {
    std::int64_t extent;
    std::int64_t stride_a;  // in elements; 0 where a is repeated
    std::int64_t stride_b;
    BroadcastKind kind;
  };

  Dimension dimensions[Shape::max_rank];
  int rank = 0;

  /// The plan for operands of these shapes that broadcast to `result` (see broadcast_shapes).
  constexpr BroadcastPlan(const Shape& result, const Shape& a, const Shape& b) {
    std::int64_t elements_a = 1;  // in the dimensions inside the current one
    std::int64_t elements_b = 1;
    for (int i = 1; i <= result.rank(); ++i) {
      const std::int64_t extent = result[-i];
      if (extent == 1) continue;
      const bool has_a = i <= a.rank() && a[-i] != 1;
      const bool has_b = i <= b.rank() && b[-i] != 1;
      const BroadcastKind kind = !has_b ? BroadcastKind::only_a : has_a ? BroadcastKind::both : BroadcastKind::only_b;
      if (rank > 0 && dimensions[rank - 1].kind == kind) {
        dimensions[rank - 1].extent *= extent;
      } else {
        dimensions[rank++] = {extent, has_a ? elements_a : 0, has_b ? elements_b : 0, kind};
      }
      if (has_a) elements_a *= extent;
      if (has_b) elements_b *= extent;
    }
    if (rank == 0) dimensions[rank++] = {1, 1, 1, BroadcastKind::both};
  }
};

}  // namespace lockstep
