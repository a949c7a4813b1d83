#include <lockstep/accelerator/single_device.hpp>

#include <doctest/doctest.h>

#include <cstdlib>

using namespace lockstep;

TEST_CASE("SingleDevice refuses to train N models side by side when a launcher started N ranks") {
  CHECK(SingleDevice<Cpu>::connect().size() == 1);
  ::setenv("RANK", "0", 1);
  ::setenv("WORLD_SIZE", "2", 1);
  ::setenv("LOCAL_RANK", "0", 1);
  ::setenv("LOCAL_WORLD_SIZE", "2", 1);
  ::setenv("MASTER_PORT", "29500", 1);
  CHECK_THROWS_WITH_AS(SingleDevice<Cpu>::connect(), doctest::Contains("torchrun started 2 ranks"), EnvironmentError);
  for (const char* name : {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_PORT"}) ::unsetenv(name);
}
