// The engine of ranks on several hosts: collectives go through the communicator of the host as far as they can, and
// through the one of the world for the rest.
#pragma once

#include <lockstep/comm/call/engine_communicator.hpp>
#include <lockstep/comm/cluster/host_layout.hpp>
#include <lockstep/comm/cluster/staged_call.hpp>
#include <lockstep/comm/host/bell.hpp>
#include <lockstep/core/concat.hpp>
#include <lockstep/core/error.hpp>

#include <sched.h>
#include <time.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::detail {

/// Between two looks at several communicators: first nothing but a pause, then other ranks of this processor, then a
/// nap that is short against a message between hosts.
class Backoff {
 public:
  void pause() {
    ++looks_;
    if (looks_ < 200) return pause_briefly();
    if (looks_ < 220) return static_cast<void>(::sched_yield());
    const timespec nap{0, 30'000};
    ::nanosleep(&nap, nullptr);
  }

 private:
  int looks_ = 0;
};

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
        issue_on(Scope::local, call, operation);
      } else if (StagedCall::can_stage(call, plan_.layout)) {
        operation.staged = StagedCall(call, plan_);
        operation.parts = operation.staged.parts();
      } else {
        issue_on(Scope::world, call, operation);
      }
      ++started_;
      advance();
      return started_ - 1;
    });
  }

  void finish(std::uint64_t ticket) {
    if (is_done(ticket)) return;
    require_usable();
    guarded([&] {
      if ((ticket & message_flag) == 0) return advance_to(ticket + 1);
      const auto [scope, inner] = message_of(ticket);
      Backoff backoff;
      while (!is_finished(scope, inner)) {
        if (started_ == completed_ && only_traffic(scope)) return wait(scope, inner);
        advance();
        progress_all();
        backoff.pause();
      }
    });
  }

  bool finished(std::uint64_t ticket) {
    if (is_done(ticket)) return true;
    require_usable();
    guarded([&] { advance(); });
    return is_done(ticket);
  }

  void run(const Call& call) { finish(start(call)); }

  /// Finishes all collectives that were started, so that the host's communicator is free for others.
  void drain() {
    guarded([&] { advance_to(started_); });
  }

  void progress() {
    require_usable();
    guarded([&] {
      advance();
      progress_all();
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
  static constexpr std::uint64_t message_flag = std::uint64_t{1} << 63;
  static constexpr std::uint64_t world_flag = std::uint64_t{1} << 61;

  struct PartTicket {
    std::uint64_t ticket = 0;
    Scope scope = Scope::local;
  };

  struct Operation {
    StagedCall staged;
    int parts = 0;  // of a staged call
    int turn = 0;   // of the part that is issued next
    std::array<PartTicket, ticket_count> tickets;
    std::array<std::optional<std::uint64_t>, scope_count> last = {};  // by scope: the last part
  };

  /// What this rank has under way on one communicator: collectives end in order, so the last one tells of all.
  struct Traffic {
    std::optional<std::uint64_t> last_collective = {};
    std::vector<std::uint64_t> messages = {};
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

  /// Calls `function(engine)` with the engine of a communicator.
  template <class Function>
  decltype(auto) on(Scope scope, Function function) {
    if (scope == Scope::local)
      return inside_host([&]() -> decltype(auto) { return function(EngineAccess::of(local_)); });
    return function(EngineAccess::of(scope == Scope::across ? *across_ : *world_));
  }

  bool is_finished(Scope scope, std::uint64_t ticket) {
    return on(scope, [&](auto& engine) { return engine.finished(ticket); });
  }

  /// The host's communicator counts its ranks from 0; its errors say which ranks these are.
  template <class Function>
  decltype(auto) inside_host(Function function) {
    try {
      return function();
    } catch (const CommunicationError& error) {
      if (!world_) throw;
      const int first = plan_.rank - local_.rank();
      throw CommunicationError(concat("among the ranks ", first, " to ", first + local_.size() - 1,
                                      ", which count from 0 on their host: ", error.what()));
    }
  }

  void progress_all() {
    inside_host([&] { EngineAccess::of(local_).progress(); });
    if (world_) EngineAccess::of(*world_).progress();
    if (across_) EngineAccess::of(*across_).progress();
  }

  /// Inside the host where both ranks are there. The ticket is that of the communicator that carries the message.
  std::uint64_t start_message(const Call& call) {
    const int peer = call.fingerprint.root;
    const bool inside = !world_ || (plan_.layout.regular && plan_.layout.host_of(peer) == plan_.host());
    Call sent = call;
    if (inside && world_) sent.fingerprint.root = static_cast<std::uint16_t>(plan_.layout.local_rank_of(peer));
    const Scope scope = inside ? Scope::local : Scope::world;
    const std::uint64_t ticket = on(scope, [&](auto& engine) { return engine.start(sent); });
    std::vector<std::uint64_t>& messages = traffic(scope).messages;
    while (!messages.empty() && is_finished(scope, messages.back())) messages.pop_back();
    messages.push_back(ticket);
    return ticket | message_flag | (inside ? 0 : world_flag);
  }
  static std::pair<Scope, std::uint64_t> message_of(std::uint64_t ticket) {
    return {(ticket & world_flag) != 0 ? Scope::world : Scope::local, ticket & ~world_flag};
  }

  bool is_done(std::uint64_t ticket) {
    if ((ticket & message_flag) == 0) return ticket < completed_;
    const auto [scope, inner] = message_of(ticket);
    return guarded([&, at = scope, number = inner] { return is_finished(at, number); });
  }

  /// Completes all operations before `end`.
  void advance_to(std::uint64_t end) {
    for (;;) {
      advance();
      if (completed_ >= end) return;
      wait(blocked_on_.scope, blocked_on_.ticket);
    }
  }

  /// Issues what can be issued and completes what is done, in order; then `blocked_on_` is what the oldest waits for.
  void advance() {
    while (issued_ < started_ && issue(operations_[issued_ % operation_count])) ++issued_;
    while (completed_ < issued_ && is_complete(operations_[completed_ % operation_count])) ++completed_;
  }

  /// Issues the parts of a staged call; false when one has to wait for another.
  bool issue(Operation& operation) {
    for (; operation.turn < operation.parts; ++operation.turn) {
      int index = 0;
      const StagedPart part = operation.staged.part_in_turn(operation.turn, index);
      if (!part.taken) continue;
      if (part.needs >= 0) {
        const PartTicket& needed = operation.tickets[static_cast<std::size_t>(part.needs) % ticket_count];
        if (!is_finished(needed.scope, needed.ticket)) {
          blocked_on_ = needed;
          return false;
        }
      }
      if (part.sums != nullptr) part.call.scale(part.sums, part.call.fingerprint.count, size());
      operation.tickets[static_cast<std::size_t>(index) % ticket_count] = issue_on(part.scope, part.call, operation);
    }
    return true;
  }

  PartTicket issue_on(Scope scope, const Call& call, Operation& operation) {
    const std::uint64_t ticket = on(scope, [&](auto& engine) { return engine.start(call); });
    operation.last[static_cast<std::size_t>(scope)] = ticket;
    traffic(scope).last_collective = ticket;
    return {ticket, scope};
  }

  bool is_complete(const Operation& operation) {
    for (std::size_t scope = 0; scope < scope_count; ++scope) {
      if (!operation.last[scope] || is_finished(static_cast<Scope>(scope), *operation.last[scope])) continue;
      blocked_on_ = {*operation.last[scope], static_cast<Scope>(scope)};
      return false;
    }
    return true;
  }

  /// Waits for a ticket of one communicator. What is under way on the others needs this rank too, so it sleeps in that
  /// one only when it is the only one.
  void wait(Scope scope, std::uint64_t ticket) {
    Backoff backoff;
    while (!is_finished(scope, ticket)) {
      if (only_traffic(scope)) return on(scope, [&](auto& engine) { engine.finish(ticket); });
      progress_all();
      backoff.pause();
    }
  }

  /// Whether nothing is under way on the other communicators.
  bool only_traffic(Scope wanted) {
    for (std::size_t index = 0; index < scope_count; ++index) {
      const auto scope = static_cast<Scope>(index);
      if (scope == wanted) continue;
      Traffic& other = traffic(scope);
      if (other.last_collective && !is_finished(scope, *other.last_collective)) return false;
      other.last_collective.reset();
      while (!other.messages.empty() && is_finished(scope, other.messages.back())) other.messages.pop_back();
      if (!other.messages.empty()) return false;
    }
    return true;
  }

  Traffic& traffic(Scope scope) { return traffic_[static_cast<std::size_t>(scope)]; }

  Local local_;
  std::optional<World> world_;
  std::optional<World> across_;  // the ranks of all hosts that have this one's local rank
  StagePlan plan_;
  std::array<Operation, operation_count> operations_;
  std::array<Traffic, scope_count> traffic_;  // by scope
  PartTicket blocked_on_;
  std::uint64_t started_ = 0;
  std::uint64_t issued_ = 0;     // of these, those whose parts are all under way
  std::uint64_t completed_ = 0;  // of these, those that are done
  std::string poison_;
};

}  // namespace lockstep::detail
