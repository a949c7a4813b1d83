// The elementary functions of single precision as straight-line arithmetic: no branch, no table, no call, so that a
// loop over them becomes vector code on any target. Double precision is the reference and goes to the standard library.
//
// Polynomials are minimax fits (Remez exchange on the relative error). Largest errors over all floats, without fused
// multiply-add: exp 1, log 1, tanh 2, erf 2, sigmoid 3, softplus 2 units in the last place.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

// Vectorisers need the arithmetic in the loop itself, and inliners stop before functions of this size.
#define LOCKSTEP_INLINE [[gnu::always_inline]] constexpr

namespace lockstep::math {

namespace detail {

/// The polynomial with these coefficients, the highest power first (Horner).
template <class... Coefficients>
LOCKSTEP_INLINE float polynomial(float x, float highest, Coefficients... rest) {
  float sum = highest;
  ((sum = sum * x + rest), ...);
  return sum;
}

/// 2^exponent for -127 < exponent < 128.
LOCKSTEP_INLINE float power_of_two(std::int32_t exponent) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23);
}

/// `magnitude` with the sign of `sign`.
LOCKSTEP_INLINE float copy_sign(float magnitude, float sign) {
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(magnitude) & 0x7FFFFFFFU) |
                              (std::bit_cast<std::uint32_t>(sign) & 0x80000000U));
}

/// `condition ? yes : no` by masks: compilers turn some conditional expressions into jumps, which end vectorisation.
LOCKSTEP_INLINE float select(bool condition, float yes, float no) {
  const std::uint32_t mask = 0U - static_cast<std::uint32_t>(condition);
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(yes) & mask) | (std::bit_cast<std::uint32_t>(no) & ~mask));
}

}  // namespace detail

LOCKSTEP_INLINE float abs(float x) { return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) & 0x7FFFFFFFU); }
inline double abs(double x) { return std::fabs(x); }

inline float sqrt(float x) { return std::sqrt(x); }
inline double sqrt(double x) { return std::sqrt(x); }

inline float pow(float x, float exponent) { return std::pow(x, exponent); }
inline double pow(double x, double exponent) { return std::pow(x, exponent); }

/// e^x, with gradual underflow; inf above 88.72.
LOCKSTEP_INLINE float exp(float x) {
  // These comparisons let NaN through.
  const float bounded = detail::select(x > 89.0F, 89.0F, detail::select(x < -104.0F, -104.0F, x));
  // x = n ln 2 + r. Adding 1.5 * 2^23 rounds to an integer and leaves it in the lowest bits.
  constexpr float rounder = 12582912.0F;
  const float shifted = bounded * 1.44269504F + rounder;
  const float n = shifted - rounder;
  const auto exponent =
      static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(rounder));
  const float r = (bounded - n * 0.693359375F) - n * -2.12194440e-4F;
  const float p = detail::polynomial(r, 1.38131479e-3F, 8.36941905e-3F, 4.16684567e-2F, 1.66665148e-1F, 4.99999931e-1F);
  const float value = (r * r * p + r) + 1.0F;
  const std::int32_t half = exponent >> 1;  // two factors, because 2^-150 is no float
  return value * detail::power_of_two(half) * detail::power_of_two(exponent - half);
}
inline double exp(double x) { return std::exp(x); }

/// The natural logarithm; -inf at 0, NaN below.
LOCKSTEP_INLINE float log(float x) {
  const bool subnormal = x < std::numeric_limits<float>::min();
  const auto bits = std::bit_cast<std::uint32_t>(detail::select(subnormal, x * 0x1p23F, x));
  // x = 2^exponent * m with m in [sqrt(1/2), sqrt(2)).
  const std::int32_t exponent = static_cast<std::int32_t>(bits - 0x3F3504F3U) >> 23;
  const float f = std::bit_cast<float>(bits - (static_cast<std::uint32_t>(exponent) << 23)) - 1.0F;
  const float n = static_cast<float>(exponent) - detail::select(subnormal, 23.0F, 0.0F);
  const float p = detail::polynomial(f, 6.74663756e-2F, -1.16756507e-1F, 1.18881629e-1F, -1.24055896e-1F,
                                     1.42195525e-1F, -1.66679958e-1F, 2.00021186e-1F, -2.50000096e-1F, 3.33333126e-1F);
  const float square = f * f;
  const float tail = (f * square * p + n * -2.12194440e-4F) - 0.5F * square;
  const float value = (f + tail) + n * 0.693359375F;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const float outside = detail::select(x == 0.0F, -infinity, std::numeric_limits<float>::quiet_NaN());
  return detail::select(x > 0.0F, detail::select(x < infinity, value, x), outside);
}
inline double log(double x) { return std::log(x); }

/// The hyperbolic tangent.
LOCKSTEP_INLINE float tanh(float x) {
  const float magnitude = abs(x);
  const float e = exp(-2.0F * magnitude);
  const float large = (1.0F - e) / (1.0F + e);
  const float square = x * x;
  const float p =
      detail::polynomial(square, -5.70498453e-3F, 2.06390849e-2F, -5.37397143e-2F, 1.33314422e-1F, -3.33332819e-1F);
  const float small = x * (square * p) + x;
  return detail::copy_sign(detail::select(magnitude < 0.625F, small, large), x);
}
inline double tanh(double x) { return std::tanh(x); }

/// The error function.
LOCKSTEP_INLINE float erf(float x) {
  const float magnitude = abs(x);
  // 1 - erfc, with ln(erfc(t)) / t as a polynomial; from 4.1 on the result is 1.
  const float t = detail::select(magnitude > 4.1F, 4.1F, magnitude);
  const float log_erfc = t * detail::polynomial(t, -1.12312425e-5F, 3.22803011e-4F, -3.64245483e-3F, 2.37620527e-2F,
                                                -1.06236865e-1F, -6.35151325e-1F, -1.12864849F);
  const float large = 1.0F - exp(log_erfc);
  const float square = x * x;
  const float p = detail::polynomial(square, 8.31677275e-5F, -8.13001212e-4F, 5.19990663e-3F, -2.68589415e-2F,
                                     1.12836872e-1F, -3.76126332e-1F, 1.28379167e-1F);
  const float small = x * p + x;
  return detail::copy_sign(detail::select(magnitude < 0.92F, small, large), x);
}
inline double erf(double x) { return std::erf(x); }

/// 1 / (1 + e^-x).
template <class T>
LOCKSTEP_INLINE T sigmoid(T x) {
  return T(1) / (T(1) + exp(-x));
}

/// max(x, 0); NaN stays NaN.
LOCKSTEP_INLINE float positive_part(float x) { return detail::select(x < 0.0F, 0.0F, x); }
inline double positive_part(double x) { return x < 0.0 ? 0.0 : x; }

/// ln(1 + e^x), without overflow.
LOCKSTEP_INLINE float softplus(float x) {
  const float u = exp(-abs(x));
  const float sum = 1.0F + u;
  const float rounding = ((sum - 1.0F) - u) / sum;  // what the rounding of 1 + u adds to the logarithm
  return positive_part(x) + (log(sum) - rounding);
}
inline double softplus(double x) { return positive_part(x) + std::log1p(std::exp(-std::fabs(x))); }

}  // namespace lockstep::math

#undef LOCKSTEP_INLINE
