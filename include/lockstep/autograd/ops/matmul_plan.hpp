// How the operands of a matrix product go together: extents, broadcasting, and where each matrix lies.
#pragma once

#include <lockstep/core/shape.hpp>

#include <cstdint>

namespace lockstep {

struct MatmulOptions {
  /// Whether the last two dimensions of an operand change places first; nothing is copied.
  bool transpose_a = false;
  bool transpose_b = false;
};

namespace detail {

/// How two shapes multiply: the matrices' extents, and for each dimension of the broadcast batch how far apart the
/// operands' matrices are (0 where one is used again and again).
struct MatmulPlan {
  std::int64_t m = 1, n = 1, k = 1;
  Shape batch;
  Shape result;
  std::int64_t strides_a[Shape::max_rank] = {};
  std::int64_t strides_b[Shape::max_rank] = {};
  bool broadcasts_a = false;
  bool broadcasts_b = false;

  MatmulPlan(const Shape& a, const Shape& b, const MatmulOptions& options) {
    const int ra = a.rank(), rb = b.rank();
    if (ra == 0 || rb == 0 || (ra == 1 && options.transpose_a) || (rb == 1 && options.transpose_b)) {
      throw ShapeError(concat("matmul: cannot multiply ", a, " and ", b,
                              "; both need at least one dimension, and one that is transposed two"));
    }
    if (ra > 1) m = options.transpose_a ? a[-1] : a[-2];
    if (rb > 1) n = options.transpose_b ? b[-2] : b[-1];
    k = ra > 1 && options.transpose_a ? a[-2] : a[-1];
    const std::int64_t depth_b = rb == 1 ? b[0] : options.transpose_b ? b[-1] : b[-2];
    if (k != depth_b) {
      throw ShapeError(concat("matmul: ", a, options.transpose_a ? " transposed" : "", " and ", b,
                              options.transpose_b ? " transposed" : "", " do not go together: rows of length ", k,
                              " meet columns of length ", depth_b));
    }
    const Shape batch_a = a.slice(0, ra > 1 ? ra - 2 : 0);
    const Shape batch_b = b.slice(0, rb > 1 ? rb - 2 : 0);
    batch = broadcast_shapes(batch_a, batch_b, "matmul");
    broadcasts_a = batch_a != batch;
    broadcasts_b = batch_b != batch;
    fill_strides(batch_a, m * k, strides_a);
    fill_strides(batch_b, k * n, strides_b);
    result = batch;
    if (ra > 1) result.push_back(m);
    if (rb > 1) result.push_back(n);
  }

  /// Calls `body(offset_a, offset_b, index, again_a, again_b)` for every matrix of the batch in order; `again` says
  /// that this matrix of the operand came before.
  template <class Body>
  void for_each(Body body) const {
    std::int64_t position[Shape::max_rank] = {};
    const std::int64_t count = batch.numel();
    for (std::int64_t index = 0; index < count; ++index) {
      std::int64_t offset_a = 0, offset_b = 0;
      bool again_a = false, again_b = false;
      for (int d = 0; d < batch.rank(); ++d) {
        offset_a += position[d] * strides_a[d];
        offset_b += position[d] * strides_b[d];
        again_a |= position[d] > 0 && strides_a[d] == 0;
        again_b |= position[d] > 0 && strides_b[d] == 0;
      }
      body(offset_a, offset_b, index, again_a, again_b);
      for (int d = batch.rank() - 1; d >= 0 && ++position[d] == batch[d]; --d) position[d] = 0;
    }
  }

 private:
  void fill_strides(const Shape& own, std::int64_t matrix, std::int64_t* strides) const {
    const int missing = batch.rank() - own.rank();
    std::int64_t stride = matrix;
    for (int d = own.rank() - 1; d >= 0; --d) {
      strides[missing + d] = own[d] == batch[missing + d] ? stride : 0;
      stride *= own[d];
    }
  }
};

}  // namespace detail

}  // namespace lockstep
