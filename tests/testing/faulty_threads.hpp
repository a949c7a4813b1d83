// Threads behind a fault, to see that the conformance suite finds it under the name of its check.
#pragma once

#include <lockstep/comm/threads.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace lockstep::testing {

/// Base of a communicator that does one thing wrong: `struct Wrong : FaultyThreads<Wrong>` hides the member.
template <class Derived>
struct FaultyThreads : Threads {
  explicit FaultyThreads(Threads&& right) : Threads(std::move(right)) {}
  Derived split(int color, int key) { return Derived(Threads::split(color, key)); }
};

/// What `check(communicator)` says on the rank that fails first, or "nothing".
template <class C, class Check>
std::string found(int size, Check check) {
  try {
    launch_threads(size,
                   [&](Threads& right) {
                     C communicator(std::move(right));
                     check(communicator);
                   },
                   {.deadline = std::chrono::seconds(30)});
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing";
}

/// Whether it is that check which failed.
inline bool names(const std::string& text, const std::string& check) {
  return text.starts_with("communicator check '" + check + "' failed on rank ");
}

}  // namespace lockstep::testing
