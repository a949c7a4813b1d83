// How a parameter gets its first values. An initializer is a closed description, not a function, so that a module stays
// plain data; the values depend on the seed and the parameter's name only, never on order, rank or device.
#pragma once

#include <lockstep/core/error.hpp>
#include <lockstep/core/philox.hpp>
#include <lockstep/core/shape.hpp>

#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

namespace lockstep {

/// A distribution that first values are drawn from.
struct Initializer {
  enum class Kind : std::uint8_t { constant, uniform, normal, truncated_normal };
  /// What the width of the distribution is divided by the square root of.
  enum class Scale : std::uint8_t { none, fan_in, fan_out, fan_sum };

  Kind kind = Kind::constant;
  Scale scale = Scale::none;
  double location = 0;      // the constant, or the mean
  double width = 0;         // half the range of a uniform, the standard deviation of a normal distribution
  std::int64_t fan_in = 0;  // overrides the fan read off the shape when positive; a bias takes its weight's
};

/// Initializers by the names they have in the field (PyTorch's torch.nn.init).
namespace init {

constexpr Initializer constant(double value) { return {.location = value}; }
constexpr Initializer zeros() { return constant(0); }
constexpr Initializer ones() { return constant(1); }

/// Uniform in [low, high).
constexpr Initializer uniform(double low = 0, double high = 1) {
  return {.kind = Initializer::Kind::uniform, .location = (low + high) / 2, .width = (high - low) / 2};
}

constexpr Initializer normal(double mean = 0, double standard_deviation = 1) {
  return {.kind = Initializer::Kind::normal, .location = mean, .width = standard_deviation};
}

/// Normal, drawn again outside two standard deviations.
constexpr Initializer truncated_normal(double mean = 0, double standard_deviation = 1) {
  return {.kind = Initializer::Kind::truncated_normal, .location = mean, .width = standard_deviation};
}

/// Uniform in +-gain * sqrt(3 / fan_in). He et al. 2015; gain sqrt(2) is for relu.
constexpr Initializer kaiming_uniform(double gain = 1.4142135623730951) {
  return {.kind = Initializer::Kind::uniform, .scale = Initializer::Scale::fan_in, .width = gain * 1.7320508075688772};
}

/// Normal with standard deviation gain / sqrt(fan_in). He et al. 2015.
constexpr Initializer kaiming_normal(double gain = 1.4142135623730951) {
  return {.kind = Initializer::Kind::normal, .scale = Initializer::Scale::fan_in, .width = gain};
}

/// Uniform in +-gain * sqrt(6 / (fan_in + fan_out)). Glorot and Bengio 2010.
constexpr Initializer xavier_uniform(double gain = 1) {
  return {.kind = Initializer::Kind::uniform, .scale = Initializer::Scale::fan_sum, .width = gain * 2.449489742783178};
}

/// Normal with standard deviation gain * sqrt(2 / (fan_in + fan_out)). Glorot and Bengio 2010.
constexpr Initializer xavier_normal(double gain = 1) {
  return {.kind = Initializer::Kind::normal, .scale = Initializer::Scale::fan_sum, .width = gain * 1.4142135623730951};
}

/// PyTorch's default for the weights and biases of linear layers: uniform in +-1 / sqrt(fan_in). `fan_in` is given for
/// a bias, whose own shape does not tell it.
constexpr Initializer linear_default(std::int64_t fan_in = 0) {
  return {.kind = Initializer::Kind::uniform, .scale = Initializer::Scale::fan_in, .width = 1, .fan_in = fan_in};
}

}  // namespace init

/// The factor that an initializer's width gets from a weight's shape [out, in, kernel...].
inline double width_of(const Initializer& initializer, const Shape& shape) {
  if (initializer.scale == Initializer::Scale::none) return initializer.width;
  std::int64_t receptive_field = 1;
  for (int i = 2; i < shape.rank(); ++i) receptive_field *= shape[i];
  double fan_in = static_cast<double>(initializer.fan_in);
  double fan_out = 0;
  if (shape.rank() >= 2) {
    if (initializer.fan_in <= 0) fan_in = static_cast<double>(shape[1] * receptive_field);
    fan_out = static_cast<double>(shape[0] * receptive_field);
  } else if (initializer.scale != Initializer::Scale::fan_in || initializer.fan_in <= 0) {
    throw ShapeError(concat("initializer: the fan of a parameter of shape ", shape,
                            " is not defined; two dimensions [out, in] are needed, or an explicit fan_in"));
  }
  switch (initializer.scale) {
    case Initializer::Scale::fan_in:
      return initializer.width / std::sqrt(fan_in);
    case Initializer::Scale::fan_out:
      return initializer.width / std::sqrt(fan_out);
    case Initializer::Scale::fan_sum:
      return initializer.width / std::sqrt(fan_in + fan_out);
    case Initializer::Scale::none:
      break;
  }
  return initializer.width;
}

/// A 64-bit hash of a name (FNV-1a), to give each parameter a random stream of its own.
constexpr std::uint64_t hash_name(std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (char c : name) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001B3U;
  return hash;
}

/// Fills a parameter with its first values: a function of the seed, the name and the shape.
template <class T>
void initialize(std::span<T> values, const Initializer& initializer, const Shape& shape, std::string_view name,
                std::uint64_t seed) {
  Philox random(seed, hash_name(name));
  const double width = shape.numel() == 0 ? 0 : width_of(initializer, shape);
  for (T& value : values) {
    double unit = 0;
    switch (initializer.kind) {
      case Initializer::Kind::constant:
        break;
      case Initializer::Kind::uniform:
        unit = 2 * random.uniform_double() - 1;
        break;
      case Initializer::Kind::normal:
        unit = random.normal();
        break;
      case Initializer::Kind::truncated_normal:
        do unit = random.normal();
        while (unit < -2 || unit > 2);
        break;
    }
    value = static_cast<T>(initializer.location + width * unit);
  }
}

}  // namespace lockstep
