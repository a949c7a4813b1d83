#include <lockstep/accelerator/cpu_cluster.hpp>

#include <doctest/doctest.h>

namespace ls = lockstep;

TEST_CASE("a program that no launcher started is a cluster of one") {
  ls::Cluster cluster = ls::CpuCluster::connect();
  CHECK(cluster.size() == 1);
  CHECK(cluster.hosts() == 1);
  float value = 3;
  cluster.all_reduce(std::span<float>(&value, 1));
  CHECK(value == 3);
}
