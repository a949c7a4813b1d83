// FNV-1a: a hash of texts that every build, machine and run computes alike. It hides nothing and resists nobody: it
// serves to name things.
#pragma once

#include <cstdint>
#include <string_view>

namespace lockstep::detail {

/// Hashes texts one after another, with their bounds: "ab" and "c" give another value than "a" and "bc".
/// Source: Fowler, Noll, Vo, FNV-1a with 64 bits.
class Fnv1a {
 public:
  Fnv1a& mix(std::string_view text) {
    for (const char character : text) mix_byte(static_cast<unsigned char>(character));
    mix_byte(0xff);  // part of no text in UTF-8
    return *this;
  }
  std::uint64_t value() const { return value_; }

 private:
  void mix_byte(unsigned byte) { value_ = (value_ ^ byte) * 0x100000001b3U; }

  std::uint64_t value_ = 0xcbf29ce484222325U;
};

}  // namespace lockstep::detail
