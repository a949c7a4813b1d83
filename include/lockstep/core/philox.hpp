// Philox4x32-10: random numbers as a pure function of (key, counter), so that a stream can be entered anywhere and
// does not depend on the number of threads or ranks. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
// SC'11.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace lockstep {

using PhiloxCounter = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

/// Four random words for one counter value.
constexpr PhiloxCounter philox4x32(PhiloxCounter counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product_0 = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t product_1 = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(product_1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product_1),
               static_cast<std::uint32_t>(product_0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product_0)};
    key = {key[0] + 0x9E3779B9U, key[1] + 0xBB67AE85U};
  }
  return counter;
}

/// A float in [0, 1) from the 24 highest bits of a word.
constexpr float to_uniform(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24F; }

/// Mixes two 64-bit values into one (two rounds of SplitMix64's finaliser), for keys made from several numbers.
constexpr std::uint64_t mix_bits(std::uint64_t a, std::uint64_t b) {
  std::uint64_t z = a + 0x9E3779B97F4A7C15U * (b + 1);
  for (int round = 0; round < 2; ++round) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    z ^= z >> 31;
  }
  return z;
}

/// A stream of random numbers: `seed` chooses the sequence, `stream` an independent part of it.
/// Any position can be reached in O(1); copies continue independently.
class Philox {
 public:
  explicit constexpr Philox(std::uint64_t seed, std::uint64_t stream = 0)
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
        stream_{static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)} {}

  /// The word at a position of the stream, without moving.
  constexpr std::uint32_t at(std::uint64_t position) const { return block(position / 4)[position % 4]; }

  /// The four words at positions 4 * index ... 4 * index + 3.
  constexpr PhiloxCounter block(std::uint64_t index) const {
    return philox4x32(
        {static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), stream_[0], stream_[1]}, key_);
  }

  /// The next word.
  constexpr std::uint32_t next() {
    if (position_ % 4 == 0) words_ = block(position_ / 4);
    return words_[position_++ % 4];
  }

  /// The next float, uniform in [0, 1).
  constexpr float uniform() { return to_uniform(next()); }

  /// The next double, uniform in [0, 1) with 53 random bits.
  constexpr double uniform_double() {
    const std::uint64_t high = next() >> 5;
    const std::uint64_t low = next() >> 6;
    return static_cast<double>((high << 26) | low) * 0x1p-53;
  }

  /// The next integer, uniform in [0, bound) without bias; bound must be positive.
  constexpr std::uint64_t below(std::uint64_t bound) {
    const std::uint64_t limit = (0 - bound) % bound;  // values below would make the first residues more likely
    for (;;) {
      const std::uint64_t value = (std::uint64_t{next()} << 32) | next();
      if (value >= limit) return value % bound;
    }
  }

  /// The next number of the standard normal distribution (Box-Muller).
  double normal() {
    if (has_spare_) {
      has_spare_ = false;
      return spare_;
    }
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform_double()));
    const double angle = 6.283185307179586476925 * uniform_double();
    spare_ = radius * std::sin(angle);
    has_spare_ = true;
    return radius * std::cos(angle);
  }

 private:
  PhiloxKey key_;
  std::array<std::uint32_t, 2> stream_;
  std::uint64_t position_ = 0;
  PhiloxCounter words_{};
  double spare_ = 0;
  bool has_spare_ = false;
};

}  // namespace lockstep
