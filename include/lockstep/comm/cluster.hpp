// The communicator of processes on any number of hosts: shared memory inside each host, TCP between them. Needs
// OpenSSL 3 (compile and link with `pkg-config --cflags --libs openssl`).
#pragma once

#include <lockstep/comm/hierarchical.hpp>
#include <lockstep/comm/launch/launch_environment.hpp>
#include <lockstep/comm/launch/rendezvous_name.hpp>
#include <lockstep/comm/ring.hpp>
#include <lockstep/comm/tcp.hpp>
#include <lockstep/core/concat.hpp>
#include <lockstep/core/on_demand.hpp>

#include <optional>
#include <utility>

namespace lockstep {

using Cluster = Hierarchical<Ring, Tcp>;

static_assert(RebuildableCommunicator<Cluster>);

/// How the ranks of a job meet. Without a `world` all ranks are on this host.
struct ClusterOptions {
  RingOptions local = {};
  std::optional<TcpOptions> world = {};

  /// The options that fit a job as its launcher described it. Throws EnvironmentError when it spans hosts and its ranks
  /// cannot find or trust each other: TcpOptions says what is missing.
  LOCKSTEP_ON_DEMAND static ClusterOptions from(const LaunchEnvironment& environment) {
    ClusterOptions options;
    options.local.rank = environment.local_rank;
    options.local.size = environment.local_world_size;
    options.local.name = rendezvous_name(environment);
    if (environment.spans_hosts()) {
      options.world = TcpOptions::from(environment);
      options.local.secret = options.world->secret;
      // Launchers of one job may run on one host, too.
      options.local.name = derived_rendezvous_name(options.local.name, concat("node ", environment.node_rank));
    } else if (!environment.secret_file.empty()) {
      options.local.secret = read_job_secret(environment.secret_file);
    }
    return options;
  }
};

/// Meets the other ranks, those of this host first; throws CommunicationError when they do not all come in time.
LOCKSTEP_ON_DEMAND Cluster connect_cluster(const ClusterOptions& options) {
  Ring local(options.local);
  std::optional<Tcp> world;
  if (options.world) world.emplace(*options.world);
  return Cluster(std::move(local), std::move(world));
}

}  // namespace lockstep
