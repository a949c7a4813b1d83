#include <lockstep/accelerator/gradient_state.hpp>

#include <doctest/doctest.h>

using namespace lockstep;

TEST_CASE("the innermost loader decides whether the current batch is the last") {
  GradientState state;
  CHECK_FALSE(state.end_of_loader());
  const LoaderFrame outer{nullptr, true}, inner{&outer, false};
  state.loader = &outer;
  CHECK(state.end_of_loader());
  state.loader = &inner;
  CHECK_FALSE(state.end_of_loader());
}
