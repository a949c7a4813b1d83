// Runs a function on communicators of several kinds and sizes.
#pragma once

#include <lockstep/comm/single.hpp>
#include <lockstep/comm/threads.hpp>
#include <lockstep/core/error.hpp>

#include <cstdint>
#include <string>

namespace lockstep::testing {

/// `function(communicator)` on Single and on threads; throws what the first rank throws.
template <class Function>
void everywhere(Function function) {
  Single single;
  function(single);
  for (const int size : {1, 2, 3, 4}) {
    launch_threads(size, [&](Threads& communicator) { function(communicator); });
  }
}

/// For ranks that are threads: throws with the line.
inline void require(bool condition, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (!condition) throw Error(concat(file, ":", line, ": not so"));
}

/// Whether the call throws the error, or "nothing".
template <class E, class Function>
std::string thrown(Function function) {
  try {
    function();
  } catch (const E& error) {
    return error.what();
  }
  return "nothing";
}

struct Point {
  float x = 0;
  std::int64_t id = 0;
  bool operator==(const Point&) const = default;
};

}  // namespace lockstep::testing
