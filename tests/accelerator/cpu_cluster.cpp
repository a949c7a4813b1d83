#include "../comm/cluster_meeting.hpp"
#include "training.hpp"
#include <lockstep/accelerator/cpu_cluster.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace ls = lockstep;

TEST_CASE("a program that no launcher started is a cluster of one") {
  ls::Cluster cluster = ls::CpuCluster::connect();
  CHECK(cluster.size() == 1);
  CHECK(cluster.hosts() == 1);
  float value = 3;
  cluster.all_reduce(std::span<float>(&value, 1));
  CHECK(value == 3);
}

TEST_CASE("two hosts of two ranks train to the same bits as one process") {
  const ls::testing::TrainingOptions training{.micro_batches = 4, .dropout = 0.3};
  const std::string expected = ls::testing::train_all(training)[0];
  const ls::testing::ClusterMeeting meeting(2, 2);
  ls::testing::Processes processes(4, [&](int rank) {
    ls::Accelerator<ls::CpuCluster> accelerator(ls::connect_cluster(meeting.options(rank)),
                                                ls::AcceleratorOptions{.micro_batches = 4, .seed = 5});
    return ls::testing::train(accelerator, training);
  });
  for (const ls::testing::ProcessResult& result : processes.wait_all()) {
    CAPTURE(result.status);
    if (result.status != 0) CAPTURE(result.text);
    CHECK(result.text == expected);
  }
}
