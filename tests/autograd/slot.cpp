// A new slot belongs to nobody and wants nothing.
#include <lockstep/autograd/slot.hpp>

#include <doctest/doctest.h>

TEST_CASE("a new slot is empty") {
  const lockstep::Slot<double> slot;
  CHECK(slot.value == nullptr);
  CHECK(slot.gradient == nullptr);
  CHECK(slot.parameter == -1);
  CHECK(slot.uses == 0);
  CHECK_FALSE(slot.requires_grad);
  CHECK_FALSE(slot.has_gradient);
}
