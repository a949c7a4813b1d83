// From connected ranks to an engine, and from an engine's ranks to a new meeting of some of them.
#pragma once

#include <lockstep/comm/call/split_plan.hpp>
#include <lockstep/comm/tcp/collective_plan.hpp>
#include <lockstep/comm/tcp/mesh.hpp>
#include <lockstep/comm/tcp/rendezvous.hpp>
#include <lockstep/comm/tcp/socket_address.hpp>
#include <lockstep/comm/tcp/tcp_engine.hpp>
#include <lockstep/core/on_demand.hpp>
#include <lockstep/core/shared.hpp>

#include <sched.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lockstep::detail {

/// Processors that this process may use.
LOCKSTEP_ON_DEMAND int usable_processors() {
  cpu_set_t set;
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

/// Ranks of the mesh on this host.
LOCKSTEP_ON_DEMAND int ranks_here(const Mesh& mesh) {
  int count = 0;
  for (const MeshPeer& peer : mesh.peers) {
    count += peer.host == mesh.peers[static_cast<std::size_t>(mesh.rank)].host;
  }
  return count;
}

LOCKSTEP_ON_DEMAND Shared<TcpEngine> make_tcp_engine(Mesh mesh, const TcpOptions& options, bool canonical_order) {
  CollectivePlan plan;
  plan.canonical_order = canonical_order;
  // A look at a socket takes a third of a microsecond, a sleep and its end ten. Where ranks share processors, looking
  // keeps others from sending.
  plan.spins = ranks_here(mesh) <= usable_processors() ? 100 : 0;
  return Shared<TcpEngine>::make(std::move(mesh), options, plan);
}

/// All ranks learn whether one is short of memory: returns the first of those, or -1.
LOCKSTEP_ON_DEMAND int agree_on_memory(TcpEngine& engine, std::size_t bytes, std::int32_t missing) {
  Call call;
  call.fingerprint = {.collective = Collective::allocate, .count = bytes};
  std::vector<std::int32_t> all(static_cast<std::size_t>(engine.size()));
  call.input = reinterpret_cast<const std::byte*>(&missing);
  call.output = reinterpret_cast<std::byte*>(all.data());
  call.piece = call.element = sizeof missing;
  engine.run(call);
  for (int rank = 0; rank < engine.size(); ++rank) {
    if (all[static_cast<std::size_t>(rank)] != 0) return rank;
  }
  return -1;
}

/// The address at which this rank listened when the mesh was made: the others reach it there.
LOCKSTEP_ON_DEMAND std::string own_host(const Mesh& mesh) {
  const std::string& address = mesh.peers[static_cast<std::size_t>(mesh.rank)].address;
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return "127.0.0.1";
  const bool brackets = address.front() == '[';
  return address.substr(brackets ? 1 : 0, colon - (brackets ? 2 : 0));
}

/// Where the first rank of a part listens, as all ranks are told.
struct PartAddress {
  std::array<char, 60> host{};
  std::uint32_t port = 0;  ///< 0: it cannot listen.

  static constexpr std::size_t bytes = 64;
};

/// The ranks of a part meet: the first one listens at any free port of the address that the old ranks know it by, and
/// all ranks of the old communicator tell each other where.
template <class C>
Mesh meet_part(C& communicator, const Mesh& mesh, const SplitPlan& plan, TcpOptions part) {
  std::vector<std::uint8_t> all(PartAddress::bytes * static_cast<std::size_t>(communicator.size()));
  const auto exchange = [&](const PartAddress& own) {
    std::array<std::uint8_t, PartAddress::bytes> bytes{};
    std::memcpy(bytes.data(), &own, sizeof own);
    communicator.all_gather(std::span<const std::uint8_t>(bytes), std::span<std::uint8_t>(all));
  };
  part.address_file.clear();
  part.master_port = 0;
  if (plan.rank > 0 || part.size == 1) {
    exchange({});
    if (part.size == 1) return meet(part);
    PartAddress found;
    std::memcpy(&found, all.data() + PartAddress::bytes * static_cast<std::size_t>(plan.members[0]), sizeof found);
    if (found.port == 0) {
      throw CommunicationError(concat("tcp: ", describe(mesh.peers[static_cast<std::size_t>(plan.members[0])]),
                                      ", the first rank of this part, could not listen for the others"));
    }
    part.master_address.assign(found.host.data(), ::strnlen(found.host.data(), found.host.size()));
    part.master_port = static_cast<int>(found.port);
    return meet(part);
  }
  part.master_address = own_host(mesh);
  bool told = false;
  try {
    return meet(part, [&](const SocketAddress& address) {
      PartAddress own;
      const std::string host = address.host();
      std::memcpy(own.host.data(), host.data(), std::min(host.size(), own.host.size() - 1));
      own.port = address.port();
      told = true;
      exchange(own);
    });
  } catch (...) {
    if (!told) exchange({});
    throw;
  }
}

/// The survivors of a group meet anew; `options` become those of the new group.
LOCKSTEP_ON_DEMAND Mesh meet_survivors(TcpEngine& engine, TcpOptions& options) {
  Survivors survivors = engine.find_survivors();
  NewPlace& place = survivors.place;
  options.address_file.clear();
  options.epoch = place.epoch;
  options.rank = place.rank;
  options.size = place.size;
  options.master_address = place.rank > 0 ? place.host : own_host(engine.mesh());
  options.master_port = place.port;
  return meet(options, [&](const SocketAddress& address) {
    place.host = address.host();
    place.port = address.port();
    for (std::size_t i = 1; i < survivors.members.size(); ++i) {
      place.rank = static_cast<int>(i);
      engine.tell_place(survivors.members[i], place);
    }
  });
}

}  // namespace lockstep::detail
