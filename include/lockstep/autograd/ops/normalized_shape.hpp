// What the normalising ops share: the check of their shapes.
#pragma once

#include <lockstep/core/shape.hpp>

namespace lockstep::detail {

/// Throws ShapeError unless `parameter` has the trailing extents of x.
inline void check_normalized_shape(const char* op, const Shape& x, const Shape& parameter) {
  const int offset = x.rank() - parameter.rank();
  if (parameter.rank() == 0 || offset < 0 || x.slice(offset, x.rank()) != parameter) {
    throw ShapeError(
        concat(op, ": weight and bias of shape ", parameter, " must have the last extents of the input ", x));
  }
}

}  // namespace lockstep::detail
