// Floating-point numbers of 16 bits, as stored in memory and sent between ranks. Arithmetic is done in float: each
// conversion to 16 bits rounds to nearest, ties to even (IEEE 754).
#pragma once

#include <bit>
#include <cstdint>

namespace lockstep {

namespace detail {

constexpr float float_of_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// A NaN stays one: its payload loses the lower bits, and the quiet bit keeps it from becoming infinity.
constexpr std::uint16_t bfloat16_of_float(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = bits + 0x7fffU + (bits >> 16 & 1U);
  return static_cast<std::uint16_t>(((bits & 0x7fffffffU) > 0x7f800000U ? bits | 0x400000U : rounded) >> 16);
}

/// Exact: the exponent is moved by a multiplication, which also turns subnormal numbers into normal ones. Without
/// branches, so that loops over it are vectorised.
constexpr float float_of_float16(std::uint16_t bits) {
  const std::uint32_t magnitude = static_cast<std::uint32_t>(bits & 0x7fffU) << 13;
  const float scaled = std::bit_cast<float>(magnitude) * 0x1p112f;
  const std::uint32_t special = magnitude >= 0x0f800000U ? 0x7f800000U : 0U;  // infinity and NaN keep all exponent bits
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(scaled) | special |
                              static_cast<std::uint32_t>(bits & 0x8000U) << 16);
}

/// Without branches, too. Below the smallest normal number, adding 0.5 aligns the last bit that is kept with the last
/// bit of a float, so that the addition itself rounds.
constexpr std::uint16_t float16_of_float(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000U, magnitude = bits & 0x7fffffffU;
  const std::uint32_t subnormal =
      std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude < 0x38800000U ? magnitude : 0U) + 0.5f) - 0x3f000000U;
  const std::uint32_t normal = (magnitude - 0x38000000U + 0xfffU + (magnitude >> 13 & 1U)) >> 13;
  std::uint32_t result = magnitude < 0x38800000U ? subnormal : normal;
  result = magnitude >= 0x477ff000U ? 0x7c00U : result;  // rounds to infinity
  result = magnitude > 0x7f800000U ? 0x7e00U | (magnitude >> 13 & 0x3ffU) : result;
  return static_cast<std::uint16_t>(sign | result);
}

}  // namespace detail

/// The upper half of a float: its range, 8 bits of precision.
struct BFloat16 {
  std::uint16_t bits = 0;

  constexpr BFloat16() = default;
  constexpr explicit BFloat16(float value) : bits(detail::bfloat16_of_float(value)) {}
  constexpr operator float() const { return detail::float_of_bfloat16(bits); }
};

/// IEEE 754 binary16: 11 bits of precision, up to 65504.
struct Float16 {
  std::uint16_t bits = 0;

  constexpr Float16() = default;
  constexpr explicit Float16(float value) : bits(detail::float16_of_float(value)) {}
  constexpr operator float() const { return detail::float_of_float16(bits); }
};

}  // namespace lockstep
