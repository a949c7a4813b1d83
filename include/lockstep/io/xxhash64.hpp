// XXH64, the 64-bit checksum that `xxhsum -H1` prints: finds damage by accident, not by intent, at memory speed.
// Y. Collet, xxHash specification 0.1.1 (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lockstep {

/// The XXH64 of the bytes given to `update`, in any portions.
class XxHash64 {
 public:
  explicit XxHash64(std::uint64_t seed = 0) : seed_(seed) {}

  void update(const void* bytes, std::size_t size) {
    if (size == 0) return;
    const auto* from = static_cast<const unsigned char*>(bytes);
    total_ += size;
    if (buffered_ + size < stripe) {
      std::memcpy(buffer_.data() + buffered_, from, size);
      buffered_ += size;
      return;
    }
    if (buffered_ > 0) {
      const std::size_t missing = stripe - buffered_;
      std::memcpy(buffer_.data() + buffered_, from, missing);
      consume(buffer_.data());
      from += missing;
      size -= missing;
    }
    for (; size >= stripe; from += stripe, size -= stripe) consume(from);
    if (size > 0) std::memcpy(buffer_.data(), from, size);
    buffered_ = size;
  }

  std::uint64_t digest() const {
    std::uint64_t hash = seed_ + prime_5;
    if (total_ >= stripe) {
      hash = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) + std::rotl(lanes_[3], 18);
      for (const std::uint64_t lane : lanes_) hash = (hash ^ round(0, lane)) * prime_1 + prime_4;
    }
    hash += total_;
    const unsigned char* tail = buffer_.data();
    std::size_t left = buffered_;
    for (; left >= 8; tail += 8, left -= 8) {
      hash = std::rotl(hash ^ round(0, load<std::uint64_t>(tail)), 27) * prime_1 + prime_4;
    }
    if (left >= 4) {
      hash = std::rotl(hash ^ load<std::uint32_t>(tail) * prime_1, 23) * prime_2 + prime_3;
      tail += 4;
      left -= 4;
    }
    for (; left > 0; ++tail, --left) hash = std::rotl(hash ^ *tail * prime_5, 11) * prime_1;
    hash = (hash ^ (hash >> 33)) * prime_2;
    hash = (hash ^ (hash >> 29)) * prime_3;
    return hash ^ (hash >> 32);
  }

 private:
  static_assert(std::endian::native == std::endian::little, "XXH64 reads its words in little-endian order");

  static constexpr std::size_t stripe = 32;
  static constexpr std::uint64_t prime_1 = 0x9E3779B185EBCA87U;
  static constexpr std::uint64_t prime_2 = 0xC2B2AE3D27D4EB4FU;
  static constexpr std::uint64_t prime_3 = 0x165667B19E3779F9U;
  static constexpr std::uint64_t prime_4 = 0x85EBCA77C2B2AE63U;
  static constexpr std::uint64_t prime_5 = 0x27D4EB2F165667C5U;

  template <class Word>
  static Word load(const unsigned char* from) {
    Word word;
    std::memcpy(&word, from, sizeof word);
    return word;
  }

  static constexpr std::uint64_t round(std::uint64_t lane, std::uint64_t word) {
    return std::rotl(lane + word * prime_2, 31) * prime_1;
  }

  void consume(const unsigned char* from) {
    for (std::size_t i = 0; i < 4; ++i) lanes_[i] = round(lanes_[i], load<std::uint64_t>(from + 8 * i));
  }

  std::uint64_t seed_;
  std::array<std::uint64_t, 4> lanes_{seed_ + prime_1 + prime_2, seed_ + prime_2, seed_, seed_ - prime_1};
  std::array<unsigned char, stripe> buffer_{};
  std::size_t buffered_ = 0;
  std::uint64_t total_ = 0;
};

/// The XXH64 of one piece of memory.
inline std::uint64_t xxhash64(const void* bytes, std::size_t size, std::uint64_t seed = 0) {
  XxHash64 hash(seed);
  hash.update(bytes, size);
  return hash.digest();
}

}  // namespace lockstep
