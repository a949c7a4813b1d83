// The calls of one rank and the connections they go over: collectives one after the other, messages beside them.
// Nothing here waits, locks or throws for a peer's sake.
#pragma once

#include <lockstep/comm/call/call.hpp>
#include <lockstep/comm/tcp/call_log.hpp>
#include <lockstep/comm/tcp/collective_plan.hpp>
#include <lockstep/comm/tcp/mesh.hpp>
#include <lockstep/comm/tcp/message_queues.hpp>
#include <lockstep/comm/tcp/poller.hpp>
#include <lockstep/comm/tcp/schedule_runner.hpp>
#include <lockstep/core/on_demand.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace lockstep::detail {

class CallDriver {
 public:
  static constexpr std::size_t queue_length = 64;
  static constexpr std::uint32_t round_steps = 1 << 14;  // more than a pair exchanges messages in a round

  /// The connections of the mesh report to `poller`.
  LOCKSTEP_ON_DEMAND CallDriver(Mesh& mesh, const CollectivePlan& plan, Poller& poller)
      : mesh_(&mesh), plan_(plan), log_(mesh.size), runner_(mesh.rank, mesh.size, lanes(mesh)), messages_(mesh.epoch) {
    constexpr std::uint32_t events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    std::size_t number = 0;
    for (MeshPeer& peer : mesh.peers) {
      peer.data.resize(static_cast<std::size_t>(lanes(mesh)));  // the own entry has places, too
      for (SecureStream& stream : peer.data) {
        runner_.add_lane(peer.rank, stream);
        if (peer.rank != mesh.rank) poller.add(prepare(stream), events, number);
        ++number;
      }
    }
    for (MeshPeer& peer : mesh.peers) {
      messages_.add_peer(peer.messages);
      if (peer.rank != mesh.rank) poller.add(prepare(peer.messages), events, number);
      ++number;
    }
  }

  const CollectivePlan& plan() const { return plan_; }
  CallLog& log() { return log_; }
  const CallLog& log() const { return log_; }

  bool in_collective() const { return completed_ < started_; }
  bool idle() const { return !in_collective() && messages_.idle(); }
  std::size_t pending() const { return static_cast<std::size_t>(started_ - completed_) + messages_.pending(); }
  bool has_room() const { return started_ - completed_ < queue_length; }
  std::uint64_t events() const { return events_; }  ///< Counts every step forward.

  bool done(std::uint64_t ticket) const {
    return MessageTicket::is_one(ticket) ? messages_.done(ticket) : ticket < completed_;
  }

  /// What ranks agree on before the first call of the user has no number.
  void number_calls(bool numbered) { numbered_ = numbered; }
  void set_link(const LinkModel& link) { plan_.link = link; }

  /// Needs room, where the call is a collective.
  std::uint64_t start(const Call& call) {
    if (is_point_to_point(call.fingerprint.collective)) return messages_.start(call);
    calls_[started_ % queue_length] = call;
    const std::uint64_t ticket = started_++;
    if (ticket == completed_) begin_collective();
    return ticket;
  }

  /// Does what can be done now; whether anything moved. It ends at the first trouble.
  bool advance() {
    bool moved = false;
    while (completed_ < started_) {
      moved |= runner_.advance();
      if (!runner_.done()) break;
      moved = true;
      if (round_end_ < calls_[completed_ % queue_length].fingerprint.count) {
        begin_round();
      } else {
        ++completed_;
        if (completed_ < started_) begin_collective();
      }
    }
    if (!messages_.idle()) moved |= messages_.advance();
    events_ += moved;
    return moved;
  }

  bool in_trouble() const { return runner_.trouble().peer >= 0 || messages_.trouble().peer >= 0; }
  bool trouble_is_of_messages() const { return runner_.trouble().peer < 0; }
  const ConnectionTrouble& trouble() const {
    return trouble_is_of_messages() ? messages_.trouble() : runner_.trouble();
  }

  /// Takes in what epoll reported of a connection.
  void report(std::uint64_t number, std::uint32_t events) {
    if (number < runner_.lane_count()) {
      runner_.lane(number).report(events);
    } else {
      messages_.connection(static_cast<int>(number - runner_.lane_count())).report(events);
    }
  }

  /// Looks where something is expected, without having been told to.
  void look_again() {
    if (in_collective()) runner_.look_again();
    messages_.look_again();
  }

  /// Gives all buffers back as they are.
  void cancel() {
    runner_.cancel();
    messages_.cancel();
  }

  /// Whether what is under way needs something from this rank, or its taking something.
  bool waits_for(int peer) const { return in_collective() ? runner_.waits_for(peer) : messages_.waits_for(peer); }

  /// Whether this rank is known not to have come to the present collective.
  bool lags(int peer) const { return in_collective() && log_.seen(peer).number < log_.last().number; }

  /// The oldest call under way.
  LOCKSTEP_ON_DEMAND std::string current_call() const {
    if (!numbered_) return "the construction of the communicator";
    if (in_collective() || messages_.idle()) return describe(log_.last());
    return to_string(messages_.current(messages_.busy().front()).fingerprint);
  }

 private:
  static int lanes(const Mesh& mesh) {
    for (const MeshPeer& peer : mesh.peers) {
      if (peer.rank != mesh.rank) return static_cast<int>(peer.data.size());
    }
    return 1;
  }

  // A peer that computes for long reads nothing, and its window stays shut: that is no fault. Whether it lives is
  // known from its control connection.
  static int prepare(SecureStream& stream) {
    const int unlimited = 0;
    ::setsockopt(stream.descriptor(), IPPROTO_TCP, TCP_USER_TIMEOUT, &unlimited, sizeof unlimited);
    return stream.descriptor();
  }

  /// The oldest collective goes on its way.
  void begin_collective() {
    const Call& call = calls_[completed_ % queue_length];
    const std::uint64_t fingerprint = call.fingerprint.packed();
    const LoggedCall logged = numbered_ ? log_.start(fingerprint) : LoggedCall{0, fingerprint};
    header_ = {mesh_->epoch, logged.number, logged.fingerprint, 0, 0};
    round_end_ = 0;
    begin_round();
  }

  /// The next round of it: for most calls there is but one.
  void begin_round() {
    Call round = calls_[completed_ % queue_length];
    const std::uint64_t whole = round.fingerprint.count, begin = round_end_, limit = plan_.round_count(round);
    round_end_ = whole - begin > limit ? begin + limit : whole;
    if (begin > 0 || round_end_ < whole) {
      round.output += begin * round.element;
      round.input = round.output;
      round.fingerprint.count = round_end_ - begin;
      round.piece = static_cast<std::size_t>(round_end_ - begin) * round.element;
    }
    plan_.write(round, mesh_->rank, mesh_->size, runner_.schedule());
    runner_.begin(round, header_);
    header_.step += round_steps;
  }

  Mesh* mesh_;
  CollectivePlan plan_;
  CallLog log_;
  ScheduleRunner runner_;
  MessageQueues messages_;
  std::array<Call, queue_length> calls_;
  std::uint64_t started_ = 0;
  std::uint64_t completed_ = 0;
  std::uint64_t events_ = 0;
  DataHeader header_;            // of the present collective
  std::uint64_t round_end_ = 0;  // elements of the present collective that its rounds have come to
  bool numbered_ = true;
};

}  // namespace lockstep::detail
