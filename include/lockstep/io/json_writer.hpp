// Writes JSON front to back into a string.
#pragma once

#include <lockstep/core/error.hpp>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

namespace lockstep {

/// Appends JSON text; commas are put where they belong. Strings must be UTF-8.
///
///     JsonWriter json;
///     json.begin_object();
///     json.key("step");
///     json.value(100);
///     json.end_object();
class JsonWriter {
 public:
  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  void key(std::string_view name) {
    value(name);
    text_ += ':';
    comma_ = false;
  }

  void value(std::string_view string) {
    separate();
    text_ += '"';
    for (const char c : string) append_escaped(c);
    text_ += '"';
  }
  void value(const char* string) { value(std::string_view(string)); }

  template <std::integral T>
  void value(T number) {
    separate();
    text_ += concat(number);
  }

  /// The shortest text that reads back as the same number; throws ArgumentError when it is not finite.
  void value(double number) {
    if (!std::isfinite(number)) throw ArgumentError("JsonWriter: JSON has no text for a number that is not finite");
    separate();
    char buffer[32];
    text_.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, number).ptr);
  }

  /// The text so far.
  const std::string& text() const { return text_; }

 private:
  void separate() {
    if (comma_) text_ += ',';
    comma_ = true;
  }
  void open(char bracket) {
    separate();
    text_ += bracket;
    comma_ = false;
  }
  void close(char bracket) {
    text_ += bracket;
    comma_ = true;
  }

  void append_escaped(char c) {
    constexpr std::string_view digits = "0123456789abcdef";
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text_ += '\\';
      text_ += c;
    } else if (code < 0x20) {
      text_ += "\\u00";
      text_ += digits[code >> 4];
      text_ += digits[code & 15];
    } else {
      text_ += c;
    }
  }

  std::string text_;
  bool comma_ = false;
};

}  // namespace lockstep
