#include <lockstep/core/half.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>

namespace ls = lockstep;

namespace {

/// The value of a format with one sign bit, `exponent_bits` and `mantissa_bits`, from its definition (IEEE 754).
double decode(unsigned bits, int exponent_bits, int mantissa_bits) {
  const unsigned mantissa = bits & ((1u << mantissa_bits) - 1);
  const int exponent = static_cast<int>(bits >> mantissa_bits & ((1u << exponent_bits) - 1));
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const double sign = (bits >> (exponent_bits + mantissa_bits) & 1) != 0 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) {
    return mantissa != 0 ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
  return sign * std::ldexp(mantissa + (1u << mantissa_bits), exponent - bias - mantissa_bits);
}

/// Every number comes back; between two neighbours the nearer one is taken, and the even one from the middle.
template <class Half>
void check_format(int exponent_bits, int mantissa_bits) {
  const unsigned infinity = ((1u << exponent_bits) - 1) << mantissa_bits;
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    Half half;
    half.bits = static_cast<std::uint16_t>(bits);
    const float value = half;
    const double expected = decode(bits, exponent_bits, mantissa_bits);
    if (std::isnan(expected)) {
      if (!std::isnan(value) || !std::isnan(static_cast<float>(Half(value)))) FAIL("NaN ", bits, " became ", value);
      continue;
    }
    if (value != expected || std::signbit(value) != std::signbit(expected)) FAIL(bits, " is ", value);
    if (Half(value).bits != bits) FAIL(bits, " comes back as ", Half(value).bits);
  }
  for (unsigned bits = 0; bits < infinity; ++bits) {
    const double low = decode(bits, exponent_bits, mantissa_bits);
    // Past the largest number the next one would be a power of two; from the middle on it is infinity.
    const double high =
        bits + 1 < infinity ? decode(bits + 1, exponent_bits, mantissa_bits) : std::ldexp(1, 1 << (exponent_bits - 1));
    const auto middle = static_cast<float>((low + high) / 2);  // exact: floats have more bits
    for (const float sign : {1.0f, -1.0f}) {
      const unsigned sign_bit = sign < 0 ? 0x8000u : 0u;
      const unsigned even = (bits & 1) == 0 ? bits : bits + 1;
      if (Half(sign * middle).bits != (even | sign_bit)) FAIL("the middle after ", bits);
      if (Half(sign * std::nextafterf(middle, 0)).bits != (bits | sign_bit)) FAIL("below the middle after ", bits);
      const float above = std::nextafterf(middle, std::numeric_limits<float>::infinity());
      if (Half(sign * above).bits != ((bits + 1) | sign_bit)) FAIL("above the middle after ", bits);
    }
  }
}

}  // namespace

TEST_CASE("BFloat16 is the upper half of a float, rounded to nearest even") { check_format<ls::BFloat16>(8, 7); }

TEST_CASE("Float16 is IEEE binary16, rounded to nearest even") { check_format<ls::Float16>(5, 10); }

TEST_CASE("conversions are constant expressions, and overflow is infinity") {
  static_assert(ls::BFloat16(1.0f).bits == 0x3f80);
  static_assert(ls::Float16(1.0f).bits == 0x3c00);
  static_assert(static_cast<float>(ls::Float16(65504.0f)) == 65504.0f);
  CHECK(std::isinf(static_cast<float>(ls::Float16(65520.0f))));
  CHECK(std::isinf(static_cast<float>(ls::Float16(std::numeric_limits<float>::max()))));
  CHECK(std::isinf(static_cast<float>(ls::BFloat16(std::numeric_limits<float>::max()))));
  const float payload = std::bit_cast<float>(0x7f800001u);  // a NaN whose upper half alone would be infinity
  CHECK(std::isnan(static_cast<float>(ls::BFloat16(payload))));
  CHECK(std::isnan(static_cast<float>(ls::Float16(payload))));
}
