#include <lockstep/comm/mpi/mpi_options.hpp>

#include <doctest/doctest.h>

#include <chrono>

TEST_CASE("no wait is endless unless it is asked for, and none is short") {
  const lockstep::MpiOptions options;
  CHECK(options.deadline == std::chrono::minutes(1));
  CHECK(options.connect_deadline == std::chrono::minutes(1));
  CHECK(options.spin < std::chrono::milliseconds(1));
}
