// Builds the text of messages without streams: they would cost every file that includes the library 0.4 s.
#pragma once

#include <concepts>
#include <cstdio>
#include <string>
#include <string_view>
#include <type_traits>

namespace lockstep {

namespace detail {

inline void append(std::string& text, std::string_view part) { text.append(part); }
inline void append(std::string& text, char part) { text.push_back(part); }

template <std::integral T>
void append(std::string& text, T part) {
  if constexpr (std::same_as<T, bool>) {
    text.append(part ? "true" : "false");
  } else {
    text.append(std::to_string(part));
  }
}

template <std::floating_point T>
void append(std::string& text, T part) {
  char buffer[32];
  const int length = std::snprintf(buffer, sizeof buffer, "%.9g", static_cast<double>(part));
  text.append(buffer, static_cast<std::size_t>(length));
}

template <class T>
  requires(!std::is_arithmetic_v<T> && !std::convertible_to<const T&, std::string_view>) &&
          requires(const T& part) { to_string(part); }
void append(std::string& text, const T& part) {
  text.append(to_string(part));
}

}  // namespace detail

/// Joins its arguments into one string: texts, characters, numbers, and anything that has a `to_string`.
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::string text;
  (detail::append(text, parts), ...);
  return text;
}

}  // namespace lockstep
