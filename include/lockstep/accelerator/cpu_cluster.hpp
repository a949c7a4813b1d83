// Processes of any number of hosts on the CPU.
#pragma once

#include <lockstep/accelerator/backend.hpp>
#include <lockstep/comm/cluster.hpp>
#include <lockstep/core/on_demand.hpp>
#include <lockstep/tensor/cpu.hpp>

namespace lockstep {

/// The backend whose ranks are processes, started by any launcher: shared memory inside a host, TCP between hosts.
struct CpuCluster {
  using Device = Cpu;
  using Communicator = Cluster;
  static constexpr const char* name = "CpuCluster";

  LOCKSTEP_ON_DEMAND static Cluster connect() {
    return connect_cluster(ClusterOptions::from(LaunchEnvironment::detect()));
  }
};

static_assert(Backend<CpuCluster>);

}  // namespace lockstep
