#include "../comm/processes.hpp"
#include <lockstep/accelerator/cpu_ring.hpp>

#include <doctest/doctest.h>

#include <cstdlib>

using namespace lockstep;
using namespace lockstep::testing;

TEST_CASE("CpuRing joins the ranks that the environment describes; alone it is a world of one") {
  CHECK(CpuRing::connect().size() == 1);
  const std::string job = concat("backend-test-", ::getpid());
  Processes processes(2, [&](int rank) {
    ::setenv("LOCKSTEP_RANK", std::to_string(rank).c_str(), 1);
    ::setenv("LOCKSTEP_WORLD_SIZE", "2", 1);
    ::setenv("LOCKSTEP_JOB_ID", job.c_str(), 1);
    Ring ring = CpuRing::connect();
    std::int32_t sum = ring.rank() + 1;
    ring.all_reduce(std::span<std::int32_t>(&sum, 1));
    return std::to_string(sum);
  });
  for (const ProcessResult& result : processes.wait_all()) CHECK(result.text == "3");
}
