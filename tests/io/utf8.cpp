#include <lockstep/io/utf8.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

namespace ls = lockstep;

TEST_CASE("utf8: every code point that is written is read, surrogates are not") {
  for (std::uint32_t code = 0; code < 0x110000; ++code) {
    std::string text;
    ls::append_utf8(text, code);
    const bool surrogate = code >= 0xD800 && code < 0xE000;
    REQUIRE((ls::valid_utf8_prefix(text) == text.size()) == !surrogate);
    REQUIRE(text.size() == (code < 0x80 ? 1U : code < 0x800 ? 2U : code < 0x10000 ? 3U : 4U));
  }
}

TEST_CASE("utf8: the prefix ends where the text goes wrong") {
  const auto prefix = [](std::string_view text) { return ls::valid_utf8_prefix(text); };
  CHECK(prefix("") == 0);
  CHECK(prefix("plain") == 5);
  CHECK(prefix("ab\x80") == 2);            // continuation without a start
  CHECK(prefix("a\xC3") == 1);             // cut
  CHECK(prefix("a\xE2\x82") == 1);         // cut
  CHECK(prefix("a\xF0\x9F\x98") == 1);     // cut
  CHECK(prefix("\xC0\x80") == 0);          // overlong
  CHECK(prefix("\xC1\xBF") == 0);          // overlong
  CHECK(prefix("\xE0\x9F\xBF") == 0);      // overlong
  CHECK(prefix("\xF0\x8F\xBF\xBF") == 0);  // overlong
  CHECK(prefix("\xED\xA0\x80") == 0);      // surrogate
  CHECK(prefix("\xF4\x90\x80\x80") == 0);  // above U+10FFFF
  CHECK(prefix("\xF5\x80\x80\x80") == 0);
  CHECK(prefix("\xFF") == 0);
}
