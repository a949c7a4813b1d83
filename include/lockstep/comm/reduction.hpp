// How a collective combines the ranks' elements.
#pragma once

#include <cstdint>

namespace lockstep {

/// The operation of a reduction. `mean` is the sum times 1/size and needs a floating-point type; `min` and `max` hand a
/// NaN on; integer sums and products wrap around.
enum class Reduction : std::uint8_t { sum, mean, min, max, product };

constexpr const char* to_string(Reduction reduction) {
  switch (reduction) {
    case Reduction::sum:
      return "sum";
    case Reduction::mean:
      return "mean";
    case Reduction::min:
      return "min";
    case Reduction::max:
      return "max";
    case Reduction::product:
      return "product";
  }
  return "unknown";
}

}  // namespace lockstep
