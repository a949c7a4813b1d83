// Texts of messages from pieces of every kind.
#include <lockstep/core/concat.hpp>
#include <lockstep/core/shape.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

using namespace lockstep;

namespace {

enum class Colour { red, blue };
const char* to_string(Colour colour) { return colour == Colour::red ? "red" : "blue"; }

}  // namespace

TEST_CASE("texts and characters") {
  const std::string owned = "owned";
  CHECK(concat("a") == "a");
  CHECK(concat("a", 'b', owned, std::string_view("view"), "") == "abownedview");
  const std::string long_text(1000, 'x');
  CHECK(concat(long_text, '!') == long_text + "!");
}

TEST_CASE("numbers") {
  CHECK(concat(0, ' ', -7, ' ', 7U, ' ', std::uint8_t{200}) == "0 -7 7 200");
  CHECK(concat(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(concat(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  CHECK(concat(true, ' ', false) == "true false");
  CHECK(concat(0.5, ' ', 1e-9, ' ', 0.25F) == "0.5 1e-09 0.25");
  CHECK(concat(std::numeric_limits<double>::infinity()) == "inf");
}

TEST_CASE("whatever has a to_string") {
  CHECK(concat(Colour::blue, ": ", Shape{2, 3}) == "blue: [2, 3]");
  constexpr std::int64_t large = 1'000'000'000;
  CHECK(concat(Shape{0, large, large, large, large, large}) ==
        "[0, 1000000000, 1000000000, 1000000000, 1000000000, 1000000000]");
}

TEST_CASE("many pieces keep their order") {
  CHECK(concat(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24) ==
        "123456789101112131415161718192021222324");
}
