// The first meeting of a job's ranks: as any other, but under torchrun its port has to be handed on first.
#pragma once

#include <lockstep/comm/launch/torch_store.hpp>
#include <lockstep/comm/tcp/mesh.hpp>
#include <lockstep/comm/tcp/rendezvous.hpp>
#include <lockstep/comm/tcp/socket_address.hpp>
#include <lockstep/comm/tcp/tcp_options.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/on_demand.hpp>

namespace lockstep::detail {

/// As `meet`; where TcpOptions::store_port is set, rank 0 listens at any free port and the others learn it from
/// torchrun's store.
LOCKSTEP_ON_DEMAND Mesh meet_job(TcpOptions options) {
  if (options.store_port == 0 || options.size == 1 || !options.address_file.empty()) return meet(options);
  check_tcp_options(options);
  const PortNotice notice =
      PortNotice::of_job(options.master_address, options.store_port, options.job_id, concat("epoch ", options.epoch));
  const Deadline deadline = Deadline::after(options.connect_deadline);
  options.master_port = options.rank == 0 ? 0 : find_port(notice, deadline);
  return meet(options, [&](const SocketAddress& address) { publish_port(notice, address.port(), deadline); });
}

}  // namespace lockstep::detail
