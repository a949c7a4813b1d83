// A random permutation of [0, n) that is computed, not stored: any element in O(1) time and memory, the same
// everywhere.
#pragma once

#include <lockstep/core/philox.hpp>

#include <array>
#include <cstdint>

namespace lockstep {

/// A pseudo-random bijection of [0, size), chosen by (seed, epoch); `permutation[i]` costs about 30 ns.
///
/// A generalised Feistel network (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002): a position is
/// split into x and y of a rectangle of about sqrt(size) by sqrt(size), and rounds add a keyed hash of one coordinate
/// to the other. The few results beyond `size` are sent through again until they fall inside ("cycle walking"). Some
/// sizes would see permutations of one parity only, so a coin decides whether 0 and 1 change places in the end.
class Permutation {
 public:
  constexpr Permutation() : Permutation(1, 0, 0) {}
  constexpr Permutation(std::int64_t size, std::uint64_t seed, std::uint64_t epoch)
      : size_(size < 1 ? 1 : static_cast<std::uint64_t>(size)) {
    for (std::uint64_t bit = std::uint64_t{1} << 31; bit > 0; bit >>= 1) {  // the largest width with width^2 < size
      if ((width_ | bit) * (width_ | bit) < size_) width_ |= bit;
    }
    ++width_;
    height_ = (size_ + width_ - 1) / width_;
    rounds_ = size_ < 256 ? max_rounds : max_rounds / 2;  // a round over few values mixes little
    const PhiloxKey key{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
    const auto words = [&](std::size_t block) {
      return philox4x32({static_cast<std::uint32_t>(block), stream, static_cast<std::uint32_t>(epoch),
                         static_cast<std::uint32_t>(epoch >> 32)},
                        key);
    };
    for (std::size_t round = 0; round < rounds_; round += 2) {
      const PhiloxCounter w = words(round / 2);
      keys_[round] = (std::uint64_t{w[0]} << 32) | w[1];
      keys_[round + 1] = (std::uint64_t{w[2]} << 32) | w[3];
    }
    coin_ = size_ < 2 ? 0 : words(max_rounds)[0] & 1;
  }

  constexpr std::int64_t size() const { return static_cast<std::int64_t>(size_); }

  /// The element at a position in [0, size).
  constexpr std::int64_t operator[](std::int64_t position) const {
    auto value = static_cast<std::uint64_t>(position);
    do value = encrypt(value);
    while (value >= size_);
    return static_cast<std::int64_t>(value < 2 ? value ^ coin_ : value);
  }

 private:
  static constexpr std::size_t max_rounds = 24;
  static constexpr std::uint32_t stream = 0x5EED'0DA7;  // keeps these words apart from other uses of the seed

  /// A keyed hash of `value`, reduced to [0, bound) for bounds up to 2^32.
  static constexpr std::uint64_t hash(std::uint64_t value, std::uint64_t key, std::uint64_t bound) {
    std::uint64_t z = (value ^ key) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 32)) * 0x94D049BB133111EBU;
    return (z >> 32) * bound >> 32;
  }

  constexpr std::uint64_t encrypt(std::uint64_t value) const {
    std::uint64_t x = value % width_;
    std::uint64_t y = value / width_;
    for (std::size_t round = 0; round < rounds_; round += 2) {
      x += hash(y, keys_[round], width_);
      x -= x >= width_ ? width_ : 0;
      y += hash(x, keys_[round + 1], height_);
      y -= y >= height_ ? height_ : 0;
    }
    return y * width_ + x;
  }

  std::uint64_t size_ = 1;
  std::uint64_t width_ = 0;
  std::uint64_t height_ = 1;
  std::size_t rounds_ = 0;
  std::uint64_t coin_ = 0;
  std::array<std::uint64_t, max_rounds> keys_{};
};

}  // namespace lockstep
