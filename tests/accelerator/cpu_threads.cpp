#include <lockstep/accelerator/cpu_threads.hpp>

#include <doctest/doctest.h>

using namespace lockstep;

TEST_CASE("CpuThreads starts as a world of one") {
  Threads alone = CpuThreads::connect();
  CHECK(alone.rank() == 0);
  CHECK(alone.size() == 1);
}
