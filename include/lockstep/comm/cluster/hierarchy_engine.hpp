// The engine of ranks on several hosts: collectives go through the communicator of the host as far as they can, and
// through the one of the world for the rest.
#pragma once

#include <lockstep/comm/call/engine_communicator.hpp>
#include <lockstep/comm/cluster/host_layout.hpp>
#include <lockstep/comm/cluster/staged_call.hpp>
#include <lockstep/core/concat.hpp>
#include <lockstep/core/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace lockstep::detail {

/// `Local` joins the ranks of one host, `World` all ranks; each is an EngineCommunicator. On one host there is no
/// world.
template <class Local, class World>
class HierarchyEngine {
 public:
  HierarchyEngine(Local local, std::optional<World> world) : local_(std::move(local)), world_(std::move(world)) {
    if (!world_) return;
    plan_.layout = exchange_host_layout(*world_, local_.rank(), local_.size());
    plan_.rank = world_->rank();
    across_.emplace(world_->split(local_.rank(), world_->rank()));
  }
  HierarchyEngine(const HierarchyEngine&) = delete;
  HierarchyEngine& operator=(const HierarchyEngine&) = delete;

  int rank() const { return world_ ? world_->rank() : local_.rank(); }
  int size() const { return world_ ? world_->size() : local_.size(); }
  Local& local() { return local_; }
  std::optional<World>& world() { return world_; }
  const HostLayout& layout() const { return plan_.layout; }

  std::uint64_t start(const Call& call) {
    require_usable();
    return guarded([&] {
      if (is_point_to_point(call.fingerprint.collective)) return start_message(call);
      if (started_ - completed_ == operation_count) advance_to(completed_ + 1);
      Operation& operation = operations_[started_ % operation_count];
      operation = {};
      if (!world_) {
        operation.local_ticket = EngineAccess::of(local_).start(call);
        operation.uses_local = true;
      } else if (StagedCall::can_stage(call, plan_.layout)) {
        operation.staged = StagedCall(call, plan_);
        operation.parts = operation.staged.parts();
      } else {
        operation.world_ticket = EngineAccess::of(*world_).start(call);
        operation.uses_world = true;
      }
      ++started_;
      advance<false>();
      return (started_ - 1) << 1;
    });
  }

  void finish(std::uint64_t ticket) {
    if (ticket & message_flag) {
      return with_message(ticket, [&](auto& engine, std::uint64_t inner) { guarded([&] { engine.finish(inner); }); });
    }
    if ((ticket >> 1) < completed_) return;
    require_usable();
    guarded([&] { advance_to((ticket >> 1) + 1); });
  }

  bool finished(std::uint64_t ticket) {
    if (ticket & message_flag) {
      return with_message(
          ticket, [&](auto& engine, std::uint64_t inner) { return guarded([&] { return engine.finished(inner); }); });
    }
    if ((ticket >> 1) < completed_) return true;
    require_usable();
    guarded([&] { advance<false>(); });
    return (ticket >> 1) < completed_;
  }

  void run(const Call& call) { finish(start(call)); }

  /// Finishes all collectives that were started, so that the host's communicator is free for others.
  void drain() {
    guarded([&] { advance_to(started_); });
  }

  void progress() {
    require_usable();
    guarded([&] {
      advance<false>();
      EngineAccess::of(local_).progress();
      if (world_) EngineAccess::of(*world_).progress();
      if (across_) EngineAccess::of(*across_).progress();
    });
  }

  void abandon(const std::string& text) {
    if (poison_.empty()) poison_ = text;
    EngineAccess::of(local_).abandon(text);
    if (across_) EngineAccess::of(*across_).abandon(text);
    if (world_) EngineAccess::of(*world_).abandon(text);
  }

  void leave(bool after_exception) {
    if (poison_.empty() && started_ != completed_) {
      abandon(concat("rank ", rank(), " left while ", started_ - completed_, " of its operations were pending"));
    }
    if (across_) EngineAccess::of(*across_).leave(after_exception);
    if (world_) EngineAccess::of(*world_).leave(after_exception);
    EngineAccess::of(local_).leave(after_exception);
  }

 private:
  static constexpr std::uint64_t operation_count = 32;  // that may be under way at a time
  static constexpr std::size_t ticket_count = 8;        // more than there are between a part and the one it needs
  static constexpr std::uint64_t message_flag = 1;

  struct PartTicket {
    std::uint64_t ticket = 0;
    Scope scope = Scope::local;
  };

  struct Operation {
    StagedCall staged;
    int parts = 0;  // of a staged call
    int turn = 0;   // of the part that is issued next
    std::array<PartTicket, ticket_count> tickets;
    bool uses_local = false, uses_across = false, uses_world = false;
    std::uint64_t local_ticket = 0, across_ticket = 0, world_ticket = 0;  // the last of each
  };

  void require_usable() const {
    if (!poison_.empty()) throw CommunicationError(concat("the communicator has failed before: ", poison_));
  }

  /// A failure of one communicator ends the waits on the others.
  template <class Function>
  auto guarded(Function function) {
    try {
      return function();
    } catch (const CommunicationError& error) {
      abandon(error.what());
      throw;
    }
  }

  // A message's ticket is that of the communicator that carries it, whose highest bit may be in use.
  std::uint64_t start_message(const Call& call) {
    const int peer = call.fingerprint.root;
    if (world_ && !(plan_.layout.regular && plan_.layout.host_of(peer) == plan_.host())) {
      return pack_message(EngineAccess::of(*world_).start(call), true);
    }
    Call inside = call;
    if (world_) inside.fingerprint.root = static_cast<std::uint16_t>(plan_.layout.local_rank_of(peer));
    return pack_message(EngineAccess::of(local_).start(inside), false);
  }
  static std::uint64_t pack_message(std::uint64_t inner, bool world) {
    return inner << 3 | (inner >> 63) << 2 | static_cast<std::uint64_t>(world) << 1 | message_flag;
  }
  template <class Function>
  auto with_message(std::uint64_t ticket, Function function) {
    const std::uint64_t inner = ticket >> 3 | (ticket >> 2 & 1) << 63;
    return (ticket >> 1 & 1) != 0 ? function(EngineAccess::of(*world_), inner)
                                  : function(EngineAccess::of(local_), inner);
  }

  /// Completes all operations before `end`.
  void advance_to(std::uint64_t end) {
    while (completed_ < end) advance<true>();
  }

  /// Issues what can be issued and completes what is done. Waiting: until the oldest operation is complete.
  template <bool Waiting>
  void advance() {
    while (issued_ < started_) {
      if (!issue<Waiting>(operations_[issued_ % operation_count])) break;
      ++issued_;
      if constexpr (Waiting) break;
    }
    while (completed_ < issued_) {
      if (!complete<Waiting>(operations_[completed_ % operation_count])) break;
      ++completed_;
      if constexpr (Waiting) break;
    }
  }

  /// Issues the parts of a staged call; false when one has to wait for another.
  template <bool Waiting>
  bool issue(Operation& operation) {
    for (; operation.turn < operation.parts; ++operation.turn) {
      int index = 0;
      const StagedPart part = operation.staged.part_in_turn(operation.turn, index);
      if (!part.taken) continue;
      if (part.needs >= 0) {
        const PartTicket& needed = operation.tickets[static_cast<std::size_t>(part.needs) % ticket_count];
        if (!ready<Waiting>(needed)) return false;
      }
      if (part.sums != nullptr) part.call.scale(part.sums, part.call.fingerprint.count, size());
      const bool local = part.scope == Scope::local;
      std::uint64_t& ticket = local ? operation.local_ticket : operation.across_ticket;
      (local ? operation.uses_local : operation.uses_across) = true;
      ticket = local ? EngineAccess::of(local_).start(part.call) : EngineAccess::of(*across_).start(part.call);
      operation.tickets[static_cast<std::size_t>(index) % ticket_count] = {ticket, part.scope};
    }
    return true;
  }

  template <bool Waiting>
  bool complete(Operation& operation) {
    if (operation.uses_world && !ready<Waiting>(*world_, operation.world_ticket)) return false;
    if (operation.uses_across && !ready<Waiting>(*across_, operation.across_ticket)) return false;
    return !operation.uses_local || ready<Waiting>(local_, operation.local_ticket);
  }

  template <bool Waiting>
  bool ready(const PartTicket& part) {
    return part.scope == Scope::local ? ready<Waiting>(local_, part.ticket) : ready<Waiting>(*across_, part.ticket);
  }

  template <bool Waiting, class C>
  bool ready(C& communicator, std::uint64_t ticket) {
    if constexpr (!Waiting) return EngineAccess::of(communicator).finished(ticket);
    EngineAccess::of(communicator).finish(ticket);
    return true;
  }

  Local local_;
  std::optional<World> world_;
  std::optional<World> across_;  // the ranks of all hosts that have this one's local rank
  StagePlan plan_;
  std::array<Operation, operation_count> operations_;
  std::uint64_t started_ = 0;
  std::uint64_t issued_ = 0;     // of these, those whose parts are all under way
  std::uint64_t completed_ = 0;  // of these, those that are done
  std::string poison_;
};

}  // namespace lockstep::detail
