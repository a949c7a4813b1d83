// Destinations: null ones, offsets, and the rule they carry.
#include <lockstep/kernels/destination.hpp>

#include <doctest/doctest.h>

using lockstep::Destination;

TEST_CASE("destinations") {
  CHECK_FALSE(Destination<float>{});
  float memory[4] = {};
  const Destination<float> out{memory, true};
  CHECK(out);
  const auto later = out + 3;
  CHECK(later.data == memory + 3);
  CHECK(later.accumulate);
  CHECK_FALSE(Destination<float>{memory}.accumulate);
}
