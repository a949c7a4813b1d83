// Where the ranks of a test's cluster meet.
#pragma once

#include <lockstep/comm/cluster.hpp>
#include <lockstep/core/concat.hpp>

#include <unistd.h>

#include <cstddef>
#include <string>

namespace lockstep::testing {

/// How the ranks of `hosts` times `local_size` meet on this machine; hosts differ in the name of their ring.
struct ClusterMeeting {
  explicit ClusterMeeting(int host_count, int ranks_per_host) : hosts(host_count), local_size(ranks_per_host) {
    static int count = 0;
    name = concat("lockstep-test-cluster-", static_cast<int>(::getpid()), "-", ++count);
    address_file = concat("/tmp/", name);
    for (std::byte& byte : secret) byte = static_cast<std::byte>(count + 7);
  }
  ~ClusterMeeting() { ::unlink(address_file.c_str()); }
  ClusterMeeting(const ClusterMeeting&) = delete;
  ClusterMeeting& operator=(const ClusterMeeting&) = delete;

  ClusterOptions options(int rank) const {
    ClusterOptions result;
    result.local = {.rank = rank % local_size, .size = local_size, .name = concat(name, "-", rank / local_size)};
    result.world = TcpOptions{
        .rank = rank, .size = hosts * local_size, .job_id = name, .address_file = address_file, .secret = secret};
    return result;
  }

  int hosts, local_size;
  std::string name, address_file;
  JobSecret secret{};
};

}  // namespace lockstep::testing
