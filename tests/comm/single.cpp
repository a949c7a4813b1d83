#include <lockstep/comm/single.hpp>
#include <lockstep/testing/communicator.hpp>

#include <doctest/doctest.h>

namespace ls = lockstep;

TEST_CASE("Single passes the conformance suite") {
  ls::Single communicator;
  ls::testing::check_communicator(communicator);
  ls::testing::check_canonical_order(communicator);
}
