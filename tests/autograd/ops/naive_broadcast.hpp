// Broadcasting the slow and obvious way, to compare with.
#pragma once

#include <lockstep/core/shape.hpp>

#include <cstddef>

namespace check {

/// The flat index in a tensor of shape `operand` that broadcasting reads for flat index `i` of `result`.
inline std::size_t broadcast_index(const lockstep::Shape& result, const lockstep::Shape& operand, std::int64_t i) {
  std::int64_t index = 0;
  std::int64_t stride = 1;
  for (int d = 1; d <= result.rank(); ++d) {
    const std::int64_t coordinate = i % result[-d];
    i /= result[-d];
    if (d > operand.rank()) continue;
    if (operand[-d] != 1) index += coordinate * stride;
    stride *= operand[-d];
  }
  return static_cast<std::size_t>(index);
}

}  // namespace check
