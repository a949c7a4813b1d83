#include <lockstep/comm/tcp/crypto.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

using namespace lockstep::detail;

namespace {

std::string hexadecimal(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte value : bytes) {
    text += "0123456789abcdef"[std::to_integer<int>(value) >> 4];
    text += "0123456789abcdef"[std::to_integer<int>(value) & 15];
  }
  return text;
}

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace

TEST_CASE("HMAC-SHA256 as in RFC 4231, case 2") {
  CHECK(hexadecimal(hmac_sha256(bytes_of("Jefe"), bytes_of("what do ya want for nothing?"))) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("HKDF-SHA256 as in RFC 5869, case 1, its first 32 bytes") {
  std::array<std::byte, 22> key;
  key.fill(std::byte{0x0b});
  std::array<std::byte, 13> salt;
  for (std::size_t i = 0; i < salt.size(); ++i) salt[i] = static_cast<std::byte>(i);
  const std::string_view info = "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9";
  CHECK(hexadecimal(derive_key(key, salt, info)) == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
}

TEST_CASE("keys of another purpose, salt or origin differ") {
  const std::array<std::byte, 32> key{}, salt{};
  std::array<std::byte, 32> other{};
  other[31] = std::byte{1};
  const Digest one = derive_key(key, salt, "one");
  CHECK(one == derive_key(key, salt, "one"));
  CHECK(one != derive_key(key, salt, "two"));
  CHECK(one != derive_key(other, salt, "one"));
  CHECK(one != derive_key(key, other, "one"));
}

TEST_CASE("random bytes are new each time") {
  std::array<std::byte, 32> a{}, b{};
  fill_with_random(a);
  fill_with_random(b);
  CHECK(a != b);
}

TEST_CASE("equality in constant time is equality") {
  CHECK(equal_in_constant_time(bytes_of("same"), bytes_of("same")));
  CHECK_FALSE(equal_in_constant_time(bytes_of("same"), bytes_of("sane")));
  CHECK_FALSE(equal_in_constant_time(bytes_of("same"), bytes_of("sam")));
}
