// The description of a loss travels by value, also to a device.
#include <lockstep/kernels/cross_entropy.hpp>

#include <doctest/doctest.h>

#include <type_traits>

TEST_CASE("CrossEntropyProblem: plain data") {
  static_assert(std::is_trivially_copyable_v<lockstep::CrossEntropyProblem<float>>);
  const lockstep::CrossEntropyProblem<float> problem{.rows = 2, .classes = 3};
  CHECK(problem.weight == nullptr);
  CHECK(problem.label_smoothing == 0);
}
