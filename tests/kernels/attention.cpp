// The places of heads in memory.
#include <lockstep/kernels/attention.hpp>

#include <doctest/doctest.h>

#include <type_traits>

TEST_CASE("HeadMatrices: the first row of a head") {
  static_assert(std::is_trivially_copyable_v<lockstep::HeadMatrices<float>>);
  static_assert(std::is_trivially_copyable_v<lockstep::AttentionExtents>);
  float memory[24] = {};
  // [batch 2, time 2, heads 3, dim 2]
  const lockstep::HeadMatrices<float> heads{memory, 12, 2, 6};
  CHECK(heads.at(0, 0) == memory);
  CHECK(heads.at(1, 2) == memory + 16);
}
