// The block of a norm: every device sums the squares of the same blocks, so norms can be combined across pieces.
#pragma once

#include <cstdint>

namespace lockstep {

/// How many consecutive elements of the flat gradient range make one partial sum of a norm.
inline constexpr std::int64_t norm_block = 4096;

}  // namespace lockstep
