#include "cluster_meeting.hpp"
#include "processes.hpp"
#include "random_program.hpp"
#include <lockstep/comm/cluster.hpp>
#include <lockstep/comm/threads.hpp>
#include <lockstep/testing/communicator.hpp>

#include <doctest/doctest.h>

#include <signal.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace ls = lockstep;
using ls::testing::check_all;
using ls::testing::ClusterMeeting;
using ls::testing::Processes;
using ls::testing::ProcessResult;

namespace {

template <class Function>
std::vector<ProcessResult> run_cluster(int hosts, int local_size, Function function) {
  const ClusterMeeting meeting(hosts, local_size);
  Processes processes(hosts * local_size, [&](int rank) {
    ls::Cluster cluster = ls::connect_cluster(meeting.options(rank));
    return std::string(function(cluster));
  });
  return processes.wait_all();
}

/// The bits of reductions of several lengths.
template <class C>
std::string digest(C& communicator) {
  std::uint64_t hash = 14695981039346656037u;
  for (const std::size_t count : {1u, 7u, 500u, 5001u, 300'003u}) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = ls::testing::detail::fraction(communicator.rank(), i);
    communicator.all_reduce(std::span<float>(values), ls::Reduction::mean);
    for (const float value : values) hash = (hash ^ std::bit_cast<std::uint32_t>(value)) * 1099511628211u;
  }
  return std::to_string(hash);
}

}  // namespace

TEST_CASE("Cluster passes the conformance suite, in the canonical order") {
  for (const auto& [hosts, local_size] : {std::pair(1, 2), {2, 1}, {2, 2}, {2, 3}}) {
    CAPTURE(hosts);
    CAPTURE(local_size);
    check_all(run_cluster(hosts, local_size,
                          [](ls::Cluster& cluster) {
                            ls::testing::check_communicator(cluster);
                            ls::testing::check_canonical_order(cluster);
                            return "conforms";
                          }),
              "conforms");
  }
}

TEST_CASE("Cluster and Threads give the same bits") {
  std::string expected;
  ls::launch_threads(4, [&](ls::Threads& communicator) {
    const std::string own = digest(communicator);
    if (communicator.rank() == 0) expected = own;
  });
  check_all(run_cluster(2, 2, [](ls::Cluster& cluster) { return digest(cluster); }), expected);
}

TEST_CASE("random programs run on a cluster") {
  check_all(run_cluster(2, 2,
                        [](ls::Cluster& cluster) {
                          for (std::uint64_t seed = 1; seed <= 3; ++seed) {
                            ls::testing::run_random_program(cluster, seed, 100);
                          }
                          return "right";
                        }),
            "right");
}

TEST_CASE("a killed rank is named on both hosts within seconds") {
  const ClusterMeeting meeting(2, 2);
  Processes processes(4, [&](int rank) {
    ls::Cluster cluster = ls::connect_cluster(meeting.options(rank));
    std::vector<float> values(400'000);
    for (int step = 0;; ++step) {
      if (rank == 3 && step == 10) ::kill(::getpid(), SIGKILL);
      cluster.all_reduce(std::span<float>(values));
    }
    return "unreachable";
  });
  const std::vector<ProcessResult> results = processes.wait_all();
  CHECK(WIFSIGNALED(results[3].status));
  for (const int rank : {0, 1, 2}) {
    const ProcessResult& survivor = results[static_cast<std::size_t>(rank)];
    CAPTURE(rank);
    CAPTURE(survivor.text);
    CHECK(!survivor.hung);
    CHECK(survivor.seconds - results[3].seconds < 3);
    CHECK(survivor.text.find("ERROR: ") == 0);
    CHECK(survivor.text.find("(host ") != std::string::npos);
    CHECK(survivor.text.find("died") != std::string::npos);
  }
}

TEST_CASE("the survivors of both hosts go on in a new cluster") {
  const ClusterMeeting meeting(2, 2);
  Processes processes(4, [&](int rank) {
    ls::Cluster cluster = ls::connect_cluster(meeting.options(rank));
    cluster.barrier();
    if (rank == 2) ::kill(::getpid(), SIGKILL);
    try {
      for (;;) cluster.barrier();
    } catch (const ls::CommunicationError&) {}
    ls::Cluster survivors = cluster.rebuild();
    ls::testing::check_canonical_order(survivors);
    return ls::concat(survivors.rank(), " of ", survivors.size());
  });
  const std::vector<ProcessResult> results = processes.wait_all();
  CHECK(results[0].text == "0 of 3");
  CHECK(results[1].text == "1 of 3");
  CHECK(results[3].text == "2 of 3");
}

TEST_CASE("the options of one host need no network, those of several need a secret") {
  ls::LaunchEnvironment environment;
  environment.launcher = "lockstep";
  environment.job_id = "job";
  environment.world_size = environment.local_world_size = 4;
  CHECK_FALSE(ls::ClusterOptions::from(environment).world.has_value());
  environment.local_world_size = 2;
  environment.master_address = "127.0.0.1";
  environment.master_port = 29500;
  const ls::ClusterOptions first = ls::ClusterOptions::from(environment);
  CHECK(first.world.has_value());
  CHECK(first.world->size == 4);
  CHECK(first.local.size == 2);
  environment.node_rank = 1;
  CHECK(ls::ClusterOptions::from(environment).local.name != first.local.name);
  environment.master_address.clear();
  CHECK_THROWS_AS(ls::ClusterOptions::from(environment), ls::EnvironmentError);
}
