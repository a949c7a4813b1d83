// Numbers and texts as they stand in messages: little-endian, in fields of fixed size. A reader never leaves its span.
#pragma once

#include <lockstep/core/concat.hpp>
#include <lockstep/core/on_demand.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace lockstep::detail {

/// What a parser has to say: a value, or what is wrong with the bytes.
template <class T>
struct Parsed {
  T value{};
  const char* error = nullptr;
  explicit operator bool() const { return error == nullptr; }
};

/// Fills a message from its front. What does not fit is left out: messages are arrays of the size that they need.
class WireWriter {
 public:
  explicit WireWriter(std::span<std::byte> to) : rest_(to) {}

  template <std::unsigned_integral T>
  void number(T value) {
    for (std::size_t i = 0; i < sizeof(T) && !rest_.empty(); ++i) {
      rest_.front() = static_cast<std::byte>(value >> (8 * i) & 0xff);
      rest_ = rest_.subspan(1);
    }
  }

  void bytes(std::span<const std::byte> from) {
    const std::size_t count = std::min(from.size(), rest_.size());
    if (count > 0) std::memcpy(rest_.data(), from.data(), count);
    rest_ = rest_.subspan(count);
  }

  /// A text in a field of `width` bytes, cut where it does not fit; control characters become blanks.
  void text(std::string_view value, std::size_t width) {
    width = std::min(width, rest_.size());
    for (std::size_t i = 0; i < width; ++i) {
      const auto letter = i < value.size() && i + 1 < width ? static_cast<unsigned char>(value[i]) : 0U;
      const bool control = letter < 32 || letter == 127;
      rest_[i] = static_cast<std::byte>(i < value.size() && i + 1 < width && control ? ' ' : letter);
    }
    rest_ = rest_.subspan(width);
  }

  void zeros() {
    std::ranges::fill(rest_, std::byte{0});
    rest_ = {};
  }

 private:
  std::span<std::byte> rest_;
};

/// Takes a message apart from its front.
class WireReader {
 public:
  explicit WireReader(std::span<const std::byte> from) : rest_(from) {}

  template <std::unsigned_integral T>
  T number() {
    T value = 0;
    if (rest_.size() < sizeof(T)) {
      fail();
      return value;
    }
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      value = static_cast<T>(value | static_cast<T>(std::to_integer<std::uint64_t>(rest_[i]) << (8 * i)));
    }
    rest_ = rest_.subspan(sizeof(T));
    return value;
  }

  void bytes(std::span<std::byte> to) {
    if (rest_.size() < to.size()) return fail();
    std::memcpy(to.data(), rest_.data(), to.size());
    rest_ = rest_.subspan(to.size());
  }

  /// A text in a field of `width` bytes: no control characters, nothing but zeros behind its end, which must be there.
  std::string text(std::size_t width) {
    if (rest_.size() < width) {
      fail();
      return {};
    }
    const auto* letters = reinterpret_cast<const char*>(rest_.data());
    const std::size_t length = ::strnlen(letters, width);
    good_ = good_ && length < width;
    for (std::size_t i = 0; i < width; ++i) {
      const auto letter = static_cast<unsigned char>(letters[i]);
      good_ = good_ && (i < length ? letter >= 32 && letter != 127 : letter == 0);
    }
    rest_ = rest_.subspan(width);
    return good_ ? std::string(letters, length) : std::string();
  }

  /// Nothing but zeros must be left.
  void zeros() {
    for (const std::byte value : rest_) good_ = good_ && value == std::byte{0};
    rest_ = {};
  }

  /// Whether everything so far was there and as it must be.
  bool good() const { return good_; }
  std::size_t left() const { return rest_.size(); }

 private:
  void fail() {
    good_ = false;
    rest_ = {};
  }

  std::span<const std::byte> rest_;
  bool good_ = true;
};

}  // namespace lockstep::detail
