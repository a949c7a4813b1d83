// Ranks on several hosts: one communicator inside each host, another one between them.
#pragma once

#include <lockstep/comm/call/engine_communicator.hpp>
#include <lockstep/comm/call/split_plan.hpp>
#include <lockstep/comm/cluster/hierarchy_engine.hpp>
#include <lockstep/comm/communicator.hpp>
#include <lockstep/core/shared.hpp>

#include <cstddef>
#include <optional>
#include <utility>

namespace lockstep {

/// A communicator made of two. An all_reduce is reduced inside each host, by each local rank for its share; the shares
/// go between the hosts, and the result is gathered inside each host; these stages overlap chunk by chunk. Every
/// element is summed in the order of the flat communicators, to the same bits, where the ranks of a host are numbered
/// in one block and hosts have equal numbers of them, a power of two; otherwise the calls go through `World` alone.
/// So do the collectives other than all_reduce, broadcast and barrier, and the reductions of 16-bit numbers.
template <class Local, class World>
class Hierarchical : public detail::EngineCommunicator<detail::HierarchyEngine<Local, World>> {
  using Engine = detail::HierarchyEngine<Local, World>;
  using Base = detail::EngineCommunicator<Engine>;

 public:
  using Memory = typename Local::Memory;

  /// `local` joins the ranks of this host, `world` all ranks; a collective of all ranks. Without a world, `local` has
  /// all ranks.
  Hierarchical(Local local, std::optional<World> world)
      : Base(Shared<Engine>::make(std::move(local), std::move(world))) {}

  /// Memory that the ranks of the host reach directly. Completes all pending collectives first.
  Memory allocate(std::size_t bytes) {
    this->engine().drain();
    Memory memory = this->engine().local().allocate(bytes);
    if (this->engine().world()) this->barrier();
    return memory;
  }

  /// See Communicator. Completes all pending collectives first.
  Hierarchical split(int color, int key) {
    detail::check_color(color);
    this->engine().drain();
    std::optional<World> world;
    if (this->engine().world()) world.emplace(this->engine().world()->split(color, key));
    return Hierarchical(this->engine().local().split(color, key), std::move(world));
  }

  /// See RebuildableCommunicator: the survivors inside this host, then those of all hosts.
  Hierarchical rebuild() requires RebuildableCommunicator<Local> && RebuildableCommunicator<World> {
    Local local = this->engine().local().rebuild();
    std::optional<World> world;
    if (this->engine().world()) world.emplace(this->engine().world()->rebuild());
    return Hierarchical(std::move(local), std::move(world));
  }

  /// How the ranks are spread over hosts.
  int hosts() const { return this->engine().layout().hosts; }
};

}  // namespace lockstep
