#include <lockstep/comm/tcp/wire.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

using namespace lockstep::detail;

TEST_CASE("numbers and texts come back as they were written, little-endian") {
  std::array<std::byte, 31> bytes;
  WireWriter to(bytes);
  to.number(std::uint8_t{7});
  to.number(std::uint16_t{0x1234});
  to.number(std::uint32_t{0x89abcdef});
  to.number(std::uint64_t{0xfedcba9876543210});
  to.text("rank zero", 12);
  to.zeros();
  CHECK(bytes[1] == std::byte{0x34});
  CHECK(bytes[2] == std::byte{0x12});
  WireReader from(bytes);
  CHECK(from.number<std::uint8_t>() == 7);
  CHECK(from.number<std::uint16_t>() == 0x1234);
  CHECK(from.number<std::uint32_t>() == 0x89abcdef);
  CHECK(from.number<std::uint64_t>() == 0xfedcba9876543210);
  CHECK(from.text(12) == "rank zero");
  CHECK(from.left() == 4);
  from.zeros();
  CHECK(from.good());
}

TEST_CASE("a reader never leaves its bytes") {
  const std::array<std::byte, 3> bytes{};
  WireReader from(bytes);
  CHECK(from.number<std::uint32_t>() == 0);
  CHECK_FALSE(from.good());
  CHECK(from.left() == 0);
  CHECK(from.text(1).empty());
  std::array<std::byte, 2> copy{};
  from.bytes(copy);
  CHECK_FALSE(from.good());
}

TEST_CASE("texts are cut to their field, and control characters do not reach a terminal") {
  std::array<std::byte, 6> bytes;
  WireWriter(bytes).text("a\n\x1b[31m", 6);
  CHECK(WireReader(bytes).text(6) == "a  [3");
}

TEST_CASE("a text field must end, hold no control characters and nothing behind its end") {
  const auto accepts = [](const std::string& field) {
    WireReader from(std::as_bytes(std::span(field)));
    from.text(field.size());
    return from.good();
  };
  CHECK(accepts(std::string("ab\0\0", 4)));
  CHECK_FALSE(accepts("abcd"));
  CHECK_FALSE(accepts(std::string("a\0b\0", 4)));
  CHECK_FALSE(accepts(std::string("a\n\0\0", 4)));
  CHECK_FALSE(accepts(std::string("a\x7f\0\0", 4)));
}

TEST_CASE("bytes that must be zero are") {
  std::array<std::byte, 4> bytes{};
  WireReader clean(bytes);
  clean.zeros();
  CHECK(clean.good());
  bytes[3] = std::byte{1};
  WireReader dirty(bytes);
  dirty.zeros();
  CHECK_FALSE(dirty.good());
}

TEST_CASE("a writer does not leave its bytes either") {
  std::array<std::byte, 4> bytes{};
  const std::span<std::byte> all(bytes);
  WireWriter to(all.first(2));
  to.number(std::uint32_t{0xffffffff});
  to.bytes(std::array<std::byte, 2>{std::byte{1}, std::byte{1}});
  to.text("abc", 4);
  CHECK(bytes[1] == std::byte{0xff});
  CHECK(bytes[2] == std::byte{0});
}
