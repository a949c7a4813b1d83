// How the checks of a communicator say what they found.
#pragma once

#include <lockstep/core/dtype.hpp>
#include <lockstep/core/error.hpp>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <type_traits>

namespace lockstep::testing::detail {

/// Throws an Error that names the check, the rank and the world.
template <class C, class... Parts>
void expect(bool condition, const char* check, const C& communicator, const Parts&... what) {
  if (condition) return;
  throw Error(concat("communicator check '", check, "' failed on rank ", communicator.rank(), " of ",
                     communicator.size(), ": ", what...));
}

/// Floating-point numbers may differ by rounding: a mean may be a quotient or a product with the reciprocal.
template <class T>
bool same(T got, T expected) {
  if constexpr (std::floating_point<T>) {
    return std::abs(got - expected) <= 4 * std::numeric_limits<T>::epsilon() * std::abs(expected);
  } else {
    return got == expected;
  }
}

/// Every element is what `expected(index)` says; `what` tells how it came about.
template <class T, class Expected, class C, class... Parts>
void expect_elements(std::span<T> got, Expected expected, const char* check, const C& communicator,
                     const Parts&... what) {
  using Plain = std::remove_const_t<T>;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const Plain wanted = expected(i);
    if (same<Plain>(got[i], wanted)) continue;
    expect(false, check, communicator, what..., ": element ", i, " of ", got.size(), " (", dtype_of<Plain>, ") is ",
           +got[i], ", expected ", +wanted);
  }
}

template <class C, class Function>
void expect_argument_error(const C& communicator, const char* what, Function function) {
  try {
    function();
  } catch (const ArgumentError&) {
    return;
  }
  expect(false, "arguments", communicator, what, " was accepted; ArgumentError was expected");
}

}  // namespace lockstep::testing::detail
