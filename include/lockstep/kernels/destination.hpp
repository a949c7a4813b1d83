// Where a kernel writes, and whether it replaces or adds: gradients need no separate pass that sets them to zero.
#pragma once

namespace lockstep {

/// An output of a kernel: `accumulate` adds to what is there, otherwise what was there is not even read.
/// A null destination means that nobody wants the result.
template <class T>
struct Destination {
  T* data = nullptr;
  bool accumulate = false;

  explicit constexpr operator bool() const { return data != nullptr; }

  /// The destination `offset` elements further on.
  constexpr Destination operator+(long offset) const { return {data + offset, accumulate}; }
};

template <class T>
Destination(T*, bool) -> Destination<T>;

}  // namespace lockstep
