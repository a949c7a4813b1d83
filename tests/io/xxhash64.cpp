#include <lockstep/io/xxhash64.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ls = lockstep;

namespace {

std::uint64_t hash(std::string_view text, std::uint64_t seed = 0) {
  return ls::xxhash64(text.data(), text.size(), seed);
}

/// The buffer of the reference implementation's self-test (xxhsum's "sanity check").
std::vector<unsigned char> sanity_buffer(std::size_t size) {
  std::vector<unsigned char> buffer;
  std::uint64_t generator = 2654435761U;
  for (std::size_t i = 0; i < size; ++i) {
    buffer.push_back(static_cast<unsigned char>(generator >> 56));
    generator *= 11400714785074694797U;
  }
  return buffer;
}

}  // namespace

TEST_CASE("xxhash64: the values of the reference implementation") {
  CHECK(hash("") == 0xEF46DB3751D8E999U);
  CHECK(hash("a") == 0xD24EC4F1A98C6E5BU);
  CHECK(hash("abc") == 0x44BC2CF5AD770999U);
  CHECK(hash("message digest") == 0x066ED728FCEEB3BEU);
  CHECK(hash("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ") == 0x4EFDB622D9F95091U);
  CHECK(hash("abc", 7) == 0x9E755206156676D7U);
  const std::vector<unsigned char> buffer = sanity_buffer(300);
  CHECK(ls::xxhash64(buffer.data(), 1, 2654435761U) == 0x5014607643A9B4C3U);
  CHECK(ls::xxhash64(buffer.data(), 3, 2654435761U) == 0xAA8584E83660F7D1U);
  CHECK(ls::xxhash64(buffer.data(), 4, 2654435761U) == 0xCAAB286BD8E9FDB5U);
  CHECK(ls::xxhash64(buffer.data(), 7, 2654435761U) == 0xF98D03B1AD6F9293U);
  CHECK(ls::xxhash64(buffer.data(), 8, 2654435761U) == 0xFE0C047A5353CDACU);
  CHECK(ls::xxhash64(buffer.data(), 12, 2654435761U) == 0x8252819F4E506951U);
  CHECK(ls::xxhash64(buffer.data(), 31, 2654435761U) == 0xDA673D5FEB5C1D79U);
  CHECK(ls::xxhash64(buffer.data(), 32, 2654435761U) == 0xB3F33BDF93ADE409U);
  CHECK(ls::xxhash64(buffer.data(), 33, 2654435761U) == 0xE92C292F64BC3071U);
  CHECK(ls::xxhash64(buffer.data(), 63, 2654435761U) == 0x6C911FADB05B6FC2U);
  CHECK(ls::xxhash64(buffer.data(), 64, 2654435761U) == 0xB5EEBA99264CC44FU);
  CHECK(ls::xxhash64(buffer.data(), 101, 2654435761U) == 0x6B38A5BBBA1F049CU);
  CHECK(ls::xxhash64(buffer.data(), 222, 2654435761U) == 0x20CB8AB7AE10C14AU);
  CHECK(ls::xxhash64(buffer.data(), 300, 2654435761U) == 0x36CB189D9F3B6AD6U);
}

TEST_CASE("xxhash64: portions do not matter") {
  const std::vector<unsigned char> bytes = sanity_buffer(300);
  const std::uint64_t whole = ls::xxhash64(bytes.data(), bytes.size());
  for (std::size_t portion = 1; portion <= bytes.size(); ++portion) {
    ls::XxHash64 hash;
    for (std::size_t at = 0; at < bytes.size(); at += portion) {
      hash.update(bytes.data() + at, std::min(portion, bytes.size() - at));
      hash.update(nullptr, 0);
    }
    CHECK(hash.digest() == whole);
  }
}

TEST_CASE("xxhash64: any flipped bit changes it") {
  std::vector<unsigned char> bytes = sanity_buffer(77);
  const std::uint64_t whole = ls::xxhash64(bytes.data(), bytes.size());
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] ^= static_cast<unsigned char>(1U << bit % 8);
    CHECK(ls::xxhash64(bytes.data(), bytes.size()) != whole);
    bytes[bit / 8] ^= static_cast<unsigned char>(1U << bit % 8);
  }
}
