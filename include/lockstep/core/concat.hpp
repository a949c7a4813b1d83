// Builds the text of messages. Neither streams nor a variadic template: streams cost every file that includes the
// library 0.4 s, and hundreds of messages with different arguments would be hundreds of instantiations.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace lockstep {

namespace detail {

/// A piece of a message: refers to a text, or holds a short one.
class Part {
 public:
  Part() {}
  Part(const char* text) : text_(text), size_(std::strlen(text)) {}
  Part(std::string_view text) : text_(text.data()), size_(text.size()) {}
  Part(const std::string& text) : text_(text.data()), size_(text.size()) {}
  Part(char character) : size_(1) { buffer_[0] = character; }
  Part(bool value) : Part(value ? "true" : "false") {}
  Part(int value) { print("%lld", static_cast<long long>(value)); }
  Part(long value) { print("%lld", static_cast<long long>(value)); }
  Part(long long value) { print("%lld", value); }
  Part(unsigned value) { print("%llu", static_cast<unsigned long long>(value)); }
  Part(unsigned long value) { print("%llu", static_cast<unsigned long long>(value)); }
  Part(unsigned long long value) { print("%llu", value); }
  Part(double value) { print("%.9g", value); }

  /// Anything that has a `to_string`.
  template <class T>
  requires(std::is_class_v<T> || std::is_enum_v<T>) && requires(const T& value) { to_string(value); }
  Part(const T& value) {
    const auto text = to_string(value);
    copy(std::string_view(text));
  }

  std::string_view text() const { return {text_ == nullptr ? buffer_ : text_, size_}; }

 private:
  template <class Number>
  void print(const char* format, Number value) {
    size_ = static_cast<std::size_t>(std::snprintf(buffer_, sizeof buffer_, format, value));
  }
  void copy(std::string_view text) {
    size_ = text.size() < sizeof buffer_ ? text.size() : sizeof buffer_;
    std::memcpy(buffer_, text.data(), size_);
  }

  const char* text_ = nullptr;
  std::size_t size_ = 0;
  char buffer_[160];  // holds any Shape
};

inline const Part no_part{};

[[gnu::cold]] inline std::string join(std::initializer_list<const Part*> parts) {
  std::string text;
  for (const Part* part : parts) text.append(part->text());
  return text;
}

}  // namespace detail

/// Joins up to 24 texts, characters, numbers, and things that have a `to_string` into one string. Longer messages are
/// joined of joined ones. Three functions, since a call passes all parameters of the one it picks.
[[gnu::cold]] inline std::string concat(const detail::Part& a, const detail::Part& b = detail::no_part,
                                        const detail::Part& c = detail::no_part,
                                        const detail::Part& d = detail::no_part,
                                        const detail::Part& e = detail::no_part) {
  return detail::join({&a, &b, &c, &d, &e});
}
[[gnu::cold]] inline std::string concat(
    const detail::Part& a, const detail::Part& b, const detail::Part& c, const detail::Part& d, const detail::Part& e,
    const detail::Part& f, const detail::Part& g = detail::no_part, const detail::Part& h = detail::no_part,
    const detail::Part& i = detail::no_part, const detail::Part& j = detail::no_part,
    const detail::Part& k = detail::no_part, const detail::Part& l = detail::no_part) {
  return detail::join({&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l});
}
[[gnu::cold]] inline std::string concat(
    const detail::Part& a, const detail::Part& b, const detail::Part& c, const detail::Part& d, const detail::Part& e,
    const detail::Part& f, const detail::Part& g, const detail::Part& h, const detail::Part& i, const detail::Part& j,
    const detail::Part& k, const detail::Part& l, const detail::Part& m, const detail::Part& n = detail::no_part,
    const detail::Part& o = detail::no_part, const detail::Part& p = detail::no_part,
    const detail::Part& q = detail::no_part, const detail::Part& r = detail::no_part,
    const detail::Part& s = detail::no_part, const detail::Part& t = detail::no_part,
    const detail::Part& u = detail::no_part, const detail::Part& v = detail::no_part,
    const detail::Part& w = detail::no_part, const detail::Part& x = detail::no_part) {
  return detail::join({&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s, &t, &u, &v, &w, &x});
}

}  // namespace lockstep
