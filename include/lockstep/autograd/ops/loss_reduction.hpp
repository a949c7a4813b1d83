// How a loss becomes one number.
#pragma once

#include <cstdint>

namespace lockstep {

/// What happens to the losses of single elements: their mean, their sum, or nothing.
enum class LossReduction : std::uint8_t { mean, sum, none };

}  // namespace lockstep
