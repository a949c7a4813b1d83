// Reads JSON front to back without building a tree: text from a stranger costs no memory beyond itself, and no
// recursion. Strict RFC 8259: valid UTF-8, no comments, no trailing commas, nothing behind the value.
#pragma once

#include <lockstep/core/error.hpp>
#include <lockstep/io/utf8.hpp>

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace lockstep {

/// A cursor over JSON text. Each function takes what it names or throws CheckpointError with the place in the text.
///
///     JsonReader json(text, "manifest.json");
///     std::string key;
///     json.begin_object();
///     while (json.next_member(key)) {
///       if (key == "step") step = json.integer();
///       else json.skip();
///     }
///     json.finish();
class JsonReader {
 public:
  static constexpr int max_depth = 32;

  /// `name` says in messages what the text is; both must outlive the reader.
  JsonReader(std::string_view text, std::string_view name) : text_(text), name_(name) {
    at_ = valid_utf8_prefix(text);
    if (at_ != text.size()) fail("invalid UTF-8");
    at_ = 0;
  }

  void begin_object() { open('{', "an object"); }

  /// Takes the next key of the object, or its end and then returns false. The caller takes the value.
  bool next_member(std::string& key) {
    if (!next_item('}')) return false;
    key = string();
    expect(':');
    return true;
  }

  void begin_array() { open('[', "an array"); }

  /// True when the array has one more element, which the caller takes; false when it took the array's end.
  bool next_element() { return next_item(']'); }

  std::string string() {
    if (peek() != '"') fail("expected a string");
    ++at_;
    std::string result;
    for (;;) {
      if (at_ == text_.size()) fail("a string does not end");
      const char c = text_[at_++];
      if (c == '"') break;
      if (static_cast<unsigned char>(c) < 0x20) fail("a control character inside a string");
      if (c == '\\') {
        append_escape(result);
      } else {
        result += c;
      }
    }
    return result;
  }

  /// A whole number without fraction or exponent that fits 64 bits with a sign.
  std::int64_t integer() {
    const std::string_view digits = number_text();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size())
      fail("expected a whole number of at most 63 bits");
    return value;
  }

  double number() {
    const std::string_view digits = number_text();
    double value = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc()) {
      fail("a number is out of range");
    }
    return value;
  }

  bool boolean() {
    if (peek() == 't') {
      expect_word("true");
      return true;
    }
    expect_word("false");
    return false;
  }

  void null() { expect_word("null"); }

  /// Takes any value, whatever is inside.
  void skip() {
    const int outside = depth_;
    std::string key;
    do {
      if (depth_ > outside) {
        const bool more = is_object(depth_) ? next_member(key) : next_element();
        if (!more) continue;
      }
      switch (peek()) {
        case '{':
          begin_object();
          break;
        case '[':
          begin_array();
          break;
        case '"':
          string();
          break;
        case 't':
        case 'f':
          boolean();
          break;
        case 'n':
          null();
          break;
        default:
          number_text();
      }
    } while (depth_ > outside);
  }

  /// Throws when anything but white space follows.
  void finish() {
    if (peek() != '\0' || at_ != text_.size()) fail("expected the end");
  }

  /// Throws CheckpointError with the name of the text and the place in it.
  [[noreturn]] void fail(std::string_view why) const {
    throw CheckpointError(concat(name_, ": invalid JSON at byte ", at_, ": ", why));
  }

 private:
  bool is_object(int depth) const { return (objects_ >> (depth - 1) & 1) != 0; }

  /// The next character that is no white space, or '\0' at the end.
  char peek() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) {
      ++at_;
    }
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  void expect(char c) {
    if (peek() != c || at_ == text_.size()) fail(concat("expected '", c, "'"));
    ++at_;
  }

  void expect_word(std::string_view word) {
    peek();
    if (text_.substr(at_, word.size()) != word) fail(concat("expected ", word));
    at_ += word.size();
  }

  void open(char bracket, std::string_view what) {
    if (peek() != bracket) fail(concat("expected ", what));
    if (depth_ == max_depth) fail(concat("more than ", max_depth, " levels of nesting"));
    ++at_;
    const std::uint32_t level = std::uint32_t{1} << depth_++;
    objects_ = bracket == '{' ? objects_ | level : objects_ & ~level;
    first_ = true;
  }

  bool next_item(char end) {
    const bool first = first_;
    first_ = false;
    if (peek() == end) {
      ++at_;
      --depth_;
      return false;
    }
    if (!first) expect(',');
    return true;
  }

  /// The characters of a number, checked against the grammar.
  std::string_view number_text() {
    peek();
    const std::size_t start = at_;
    const auto digits = [&] {
      const std::size_t before = at_;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
      if (at_ == before) fail("expected a value");
      return at_ - before;
    };
    const auto take = [&](char c) { return at_ < text_.size() && text_[at_] == c && (++at_, true); };
    take('-');
    const bool zero = at_ < text_.size() && text_[at_] == '0';
    if (digits() > 1 && zero) fail("a number with leading zeros");
    if (take('.')) digits();
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      digits();
    }
    return text_.substr(start, at_ - start);
  }

  std::uint32_t hex4() {
    std::uint32_t code = 0;
    if (text_.size() - at_ < 4) fail("a string does not end");
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + at_ + 4, code, 16);
    if (error != std::errc() || end != text_.data() + at_ + 4) fail("expected four hexadecimal digits");
    at_ += 4;
    return code;
  }

  void append_escape(std::string& result) {
    if (at_ == text_.size()) fail("a string does not end");
    switch (text_[at_++]) {
      case '"':
        result += '"';
        return;
      case '\\':
        result += '\\';
        return;
      case '/':
        result += '/';
        return;
      case 'b':
        result += '\b';
        return;
      case 'f':
        result += '\f';
        return;
      case 'n':
        result += '\n';
        return;
      case 'r':
        result += '\r';
        return;
      case 't':
        result += '\t';
        return;
      case 'u':
        break;
      default:
        fail("an unknown escape in a string");
    }
    std::uint32_t code = hex4();
    if (code >= 0xDC00 && code < 0xE000) fail("half of a surrogate pair");
    if (code >= 0xD800 && code < 0xDC00) {
      if (text_.substr(at_, 2) != "\\u") fail("half of a surrogate pair");
      at_ += 2;
      const std::uint32_t low = hex4();
      if (low < 0xDC00 || low >= 0xE000) fail("half of a surrogate pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(result, code);
  }

  std::string_view text_;
  std::string_view name_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::uint32_t objects_ = 0;  // bit d: level d + 1 is an object, not an array
  bool first_ = false;         // no item of the innermost open level has been taken
};

}  // namespace lockstep
