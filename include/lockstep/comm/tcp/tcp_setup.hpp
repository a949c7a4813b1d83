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

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>

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

/// Nanoseconds that a byte takes to a peer and back, as TCP has measured them for half of the peers or more; 0 where
/// all of them are on this host. Hosts may have one name, so a peer that is far away is on another.
LOCKSTEP_ON_DEMAND std::uint64_t round_trip(const Mesh& mesh) {
  std::vector<std::uint64_t> times;
  for (const MeshPeer& peer : mesh.peers) {
    if (peer.rank == mesh.rank) continue;
    tcp_info info{};
    socklen_t length = sizeof info;
    if (::getsockopt(peer.data[0].descriptor(), IPPROTO_TCP, TCP_INFO, &info, &length) != 0) continue;
    constexpr std::uint32_t far = 1000;  // microseconds
    const bool same_name = peer.host == mesh.peers[static_cast<std::size_t>(mesh.rank)].host;
    if (same_name && info.tcpi_rtt < far) continue;
    times.push_back(std::uint64_t{info.tcpi_rtt} * 1000);
  }
  if (times.empty()) return 0;
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return std::max<std::uint64_t>(times[times.size() / 2], 1);
}

/// The model of the links between hosts that are `round_trip` nanoseconds apart; 0: there is one host.
constexpr LinkModel link_model(std::uint64_t round_trip) {
  LinkModel link;
  if (round_trip == 0) return link;
  link.alpha_nanoseconds += std::min<std::uint64_t>(round_trip, 10'000'000'000) / 2;
  link.beta_picoseconds_per_byte = 800;  // of ten gigabits per second
  return link;
}

/// All ranks must choose the same algorithms: the longest round trip counts for all.
LOCKSTEP_ON_DEMAND void agree_on_link(TcpEngine& engine) {
  std::uint64_t own = round_trip(engine.mesh());
  Call call;
  call.fingerprint = {
      .collective = Collective::all_reduce, .dtype = DType::uint64, .reduction = Reduction::max, .count = 1};
  call.input = call.output = reinterpret_cast<std::byte*>(&own);
  call.piece = call.element = sizeof own;
  call.reduce = &reduce_slice<std::uint64_t>;
  engine.agree(call);
  engine.set_link(link_model(own));
}

LOCKSTEP_ON_DEMAND Shared<TcpEngine> make_tcp_engine(Mesh mesh, const TcpOptions& options, bool canonical_order) {
  CollectivePlan plan;
  plan.canonical_order = canonical_order;
  // A look at a socket takes a third of a microsecond, a sleep and its end ten. Where ranks share processors, looking
  // keeps others from sending.
  plan.spins = ranks_here(mesh) <= usable_processors() ? 100 : 0;
  Shared<TcpEngine> engine = Shared<TcpEngine>::make(std::move(mesh), options, plan);
  agree_on_link(*engine);
  return engine;
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
