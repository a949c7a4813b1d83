#include <lockstep/data/idx.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ls = lockstep;

namespace {

/// The header of an IDX file with extents below 256.
std::string header(unsigned char type, const std::vector<unsigned char>& extents) {
  std::string text{'\0', '\0', static_cast<char>(type), static_cast<char>(extents.size())};
  for (const unsigned char extent : extents) text += std::string(3, '\0') + static_cast<char>(extent);
  return text;
}

template <class T = std::uint8_t>
std::string message_of(const std::string& content) {
  try {
    ls::parse_idx<T>(content, "images.idx");
  } catch (const ls::IoError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("idx: bytes of any shape") {
  const auto images = ls::parse_idx(header(0x08, {2, 2, 1}) + "\x01\x02\xFE\xFF", "images.idx");
  CHECK(images.shape() == ls::Shape{2, 2, 1});
  CHECK(images[2] == 254);
  CHECK(images[3] == 255);
  const auto labels = ls::parse_idx(header(0x08, {0}), "labels.idx");
  CHECK(labels.shape() == ls::Shape{0});
}

TEST_CASE("idx: wider elements are turned from big-endian") {
  const auto numbers = ls::parse_idx<std::int32_t>(header(0x0C, {2}) + std::string("\0\0\1\2\xFF\xFF\xFF\xFE", 8), "x");
  CHECK(numbers[0] == 258);
  CHECK(numbers[1] == -2);
  const auto floats = ls::parse_idx<float>(header(0x0D, {1}) + std::string("\x3F\xC0\0\0", 4), "x");
  CHECK(floats[0] == 1.5F);
  const auto doubles = ls::parse_idx<double>(header(0x0E, {}) + std::string("\xC0\0\0\0\0\0\0\0", 8), "x");
  CHECK(doubles.item() == -2.0);
}

TEST_CASE("idx: what is not a whole IDX file says why") {
  CHECK(message_of("\x1F\x8B\x08\x08").find("gunzip images.idx") != std::string::npos);
  CHECK(message_of("").find("only 0 bytes") != std::string::npos);
  CHECK(message_of("PNG, or so").find("does not start like an IDX file") != std::string::npos);
  CHECK(message_of(header(0x0A, {1}) + "x").find("does not start like") != std::string::npos);
  CHECK(message_of(header(0x0D, {1}) + "1234").find("elements are float32, asked for was uint8") != std::string::npos);
  CHECK(message_of(header(0x08, {1, 1, 1, 1, 1, 1, 1}) + "x").find("7 dimensions") != std::string::npos);
  CHECK(message_of(header(0x08, {3, 4}).substr(0, 9)).find("inside the header") != std::string::npos);
  CHECK(message_of(header(0x08, {3}) + "ab").find("cut short") != std::string::npos);
  CHECK(message_of(header(0x08, {3}) + "abcd").find("needs 3 bytes of data, there are 4") != std::string::npos);
  const std::string huge = std::string("\0\0\x08\x04", 4) + std::string(16, '\xFF');
  CHECK(message_of(huge).find("absurdly large") != std::string::npos);
  CHECK_THROWS_WITH_AS(ls::read_idx("/nonexistent/images.idx"), doctest::Contains("/nonexistent/images.idx"),
                       ls::IoError);
}

TEST_CASE("idx: every cut and every changed header byte is refused or read, never worse") {
  const std::string whole = header(0x08, {3, 2}) + "abcdef";
  for (std::size_t length = 0; length < whole.size(); ++length) CHECK(message_of(whole.substr(0, length)) != "");
  for (std::size_t at = 0; at < 12; ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = whole;
      changed[at] = static_cast<char>(value);
      const std::string message = message_of(changed);
      CHECK((message == "") == (changed == whole));
    }
  }
}
