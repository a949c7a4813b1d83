// The single-precision functions against the double ones over a sample of all floats: errors in units in the last
// place, infinities, NaN, and gradual underflow.
#include <lockstep/kernels/scalar_math.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>

namespace math = lockstep::math;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// How many units in the last place `got` is from `expected`.
double error_in_ulp(float got, double expected) {
  const auto rounded = static_cast<float>(expected);
  if (std::isnan(expected) || std::isnan(got)) return std::isnan(expected) && std::isnan(got) ? 0 : 1e9;
  if (std::isinf(rounded) || std::isinf(got)) {
    // The largest float and infinity are neighbours.
    const bool close = std::fabs(got) >= std::numeric_limits<float>::max() &&
                       std::fabs(rounded) >= std::numeric_limits<float>::max() && (got > 0) == (rounded > 0);
    return close ? 0 : 1e9;
  }
  int exponent = 0;
  static_cast<void>(std::frexp(rounded, &exponent));
  return std::fabs(static_cast<double>(got) - expected) / std::ldexp(1.0, std::max(exponent - 24, -149));
}

/// The largest error over floats of all signs and magnitudes, special ones included.
template <class Function, class Reference>
double largest_error(Function function, Reference reference) {
  double largest = 0;
  for (std::uint64_t bits = 0; bits <= 0xFFFFFFFFU; bits += 4391) {  // a prime: all last digits occur
    const float x = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    largest = std::max(largest, error_in_ulp(function(x), reference(static_cast<double>(x))));
  }
  return largest;
}

}  // namespace

TEST_CASE("errors stay within the stated units in the last place") {
  CHECK(largest_error([](float x) { return math::exp(x); }, [](double x) { return std::exp(x); }) <= 1);
  CHECK(largest_error([](float x) { return math::log(x); }, [](double x) { return std::log(x); }) <= 1);
  CHECK(largest_error([](float x) { return math::tanh(x); }, [](double x) { return std::tanh(x); }) <= 2);
  CHECK(largest_error([](float x) { return math::erf(x); }, [](double x) { return std::erf(x); }) <= 2);
  CHECK(largest_error([](float x) { return math::softplus(x); }, [](double x) { return math::softplus(x); }) <= 2);
  CHECK(largest_error([](float x) { return math::sqrt(x); }, [](double x) { return std::sqrt(x); }) <= 0.5);
  // Below -88 the reciprocal of e^-x has left the range of float; the result is 0 or nearly so.
  CHECK(largest_error([](float x) { return x < -88.0F ? 0.0F : math::sigmoid(x); },
                      [](double x) { return x < -88.0 ? 0.0 : 1.0 / (1.0 + std::exp(-x)); }) <= 3);
}

TEST_CASE("the range in which networks compute is dense in the sample") {
  double exponential = 0;
  double tangent = 0;
  for (int i = -400000; i <= 400000; ++i) {
    const float x = static_cast<float>(i) * 2.5e-5F;
    const double wide = static_cast<double>(x);
    exponential = std::max(exponential, error_in_ulp(math::exp(x), std::exp(wide)));
    tangent = std::max(tangent, error_in_ulp(math::tanh(x), std::tanh(wide)));
  }
  CHECK(exponential <= 1);
  CHECK(tangent <= 2);
}

TEST_CASE("infinities, NaN and zeros") {
  CHECK(math::exp(infinity) == infinity);
  CHECK(math::exp(-infinity) == 0);
  CHECK(math::exp(0.0F) == 1);
  CHECK(math::exp(88.8F) == infinity);
  CHECK(std::isnan(math::exp(not_a_number)));
  CHECK(math::log(infinity) == infinity);
  CHECK(math::log(0.0F) == -infinity);
  CHECK(math::log(-0.0F) == -infinity);
  CHECK(math::log(1.0F) == 0);
  CHECK(std::isnan(math::log(-1.0F)));
  CHECK(std::isnan(math::log(-infinity)));
  CHECK(std::isnan(math::log(not_a_number)));
  CHECK(math::tanh(infinity) == 1);
  CHECK(math::tanh(-infinity) == -1);
  CHECK(std::signbit(math::tanh(-0.0F)));
  CHECK(std::isnan(math::tanh(not_a_number)));
  CHECK(std::signbit(math::erf(-0.0F)));
  CHECK(math::erf(infinity) == 1);
  CHECK(math::erf(-infinity) == -1);
  CHECK(std::isnan(math::erf(not_a_number)));
  CHECK(math::sigmoid(infinity) == 1);
  CHECK(math::sigmoid(-infinity) == 0);
  CHECK(math::sigmoid(0.0F) == 0.5F);
  CHECK(std::isnan(math::sigmoid(not_a_number)));
  CHECK(math::softplus(infinity) == infinity);
  CHECK(math::softplus(-infinity) == 0);
  CHECK(std::isnan(math::softplus(not_a_number)));
  CHECK(math::positive_part(-2.0F) == 0);
  CHECK(math::positive_part(3.0F) == 3);
  CHECK(std::isnan(math::positive_part(not_a_number)));
  CHECK(math::abs(-2.5F) == 2.5F);
}

TEST_CASE("underflow is gradual") {
  CHECK(math::exp(-100.0F) > 0);
  CHECK(math::exp(-100.0F) == doctest::Approx(std::exp(-100.0)).epsilon(1e-2));
  CHECK(math::exp(-104.5F) == 0);
  CHECK(math::log(1e-42F) == doctest::Approx(std::log(static_cast<double>(1e-42F))).epsilon(1e-6));
}

TEST_CASE("the functions are usable at compile time") {
  constexpr float e = math::exp(1.0F);
  constexpr float half = math::sigmoid(0.0F);
  CHECK(e == doctest::Approx(2.718281828));
  CHECK(half == 0.5F);
}

TEST_CASE("double is the standard library's") {
  for (double x : {-3.0, -0.1, 0.0, 0.7, 20.0}) {
    CHECK(math::exp(x) == std::exp(x));
    CHECK(math::tanh(x) == std::tanh(x));
    CHECK(math::erf(x) == std::erf(x));
    CHECK(math::softplus(x) == doctest::Approx(std::log1p(std::exp(x))).epsilon(1e-14));
  }
}
