// Calls over sockets. Whoever waits for a call drives the sockets himself; a thread in the background gives and watches
// for signs of life, and drives what is pending while nobody waits.
#pragma once

#include <lockstep/comm/call/call.hpp>
#include <lockstep/comm/call/collective_engine.hpp>
#include <lockstep/comm/tcp/call_log.hpp>
#include <lockstep/comm/tcp/collective_plan.hpp>
#include <lockstep/comm/tcp/control_links.hpp>
#include <lockstep/comm/tcp/futex_lock.hpp>
#include <lockstep/comm/tcp/mesh.hpp>
#include <lockstep/comm/tcp/message_queues.hpp>
#include <lockstep/comm/tcp/poller.hpp>
#include <lockstep/comm/tcp/schedule_runner.hpp>
#include <lockstep/comm/tcp/tcp_options.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>
#include <lockstep/core/thread.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::detail {

class TcpEngine {
 public:
  LOCKSTEP_ON_DEMAND TcpEngine(Mesh mesh, const TcpOptions& options, const CollectivePlan& plan)
      : mesh_(std::move(mesh)),
        options_(options),
        plan_(plan),
        data_(Poller::make()),
        control_(Poller::make()),
        links_(mesh_, control_),
        log_(mesh_.size),
        runner_(mesh_.size, lanes()),
        messages_(mesh_.epoch),
        peers_(static_cast<std::size_t>(mesh_.size)) {
    add_connections();
    control_.add(data_.descriptor(), 0, pending_work);
    if (mesh_.size > 1) {
      background_ = new Thread([this] { watch(); });
    }
  }
  TcpEngine(const TcpEngine&) = delete;
  TcpEngine& operator=(const TcpEngine&) = delete;
  ~TcpEngine() { stop_background(); }

  int rank() const { return mesh_.rank; }
  int size() const { return mesh_.size; }
  const Mesh& mesh() const { return mesh_; }
  const TcpOptions& options() const { return options_; }

  std::uint64_t start(const Call& call) {
    const LockGuard guard(lock_);
    const std::uint64_t ticket = begin(call);
    advance();
    require_usable();
    hand_over();
    return ticket;
  }

  void finish(std::uint64_t ticket) {
    const LockGuard guard(lock_);
    if (done(ticket)) return;
    require_usable();
    wait([&] { return done(ticket); });
    hand_over();
  }

  void run(const Call& call) {
    const LockGuard guard(lock_);
    const std::uint64_t ticket = begin(call);
    wait([&] { return done(ticket); });
    if (!idle()) hand_over();
  }

  bool finished(std::uint64_t ticket) {
    const LockGuard guard(lock_);
    if (done(ticket)) return true;
    require_usable();
    look_and_advance();
    if (!done(ticket)) look_after_idle_tests();
    return done(ticket);
  }

  void progress() {
    const LockGuard guard(lock_);
    if (idle()) return;
    require_usable();
    look_and_advance();
  }

  /// Gives up on behalf of this rank.
  LOCKSTEP_ON_DEMAND void abandon(const std::string& text) {
    const LockGuard guard(lock_);
    fail(text, rank(), true);
  }

  LOCKSTEP_ON_DEMAND void leave(bool after_exception) {
    if (::getpid() != process_) return;  // a copy made by fork(): the connections are the original's
    {
      const LockGuard guard(lock_);
      if (poison_.empty() && after_exception) fail(concat("rank ", rank(), " ended with an exception"), rank(), true);
      if (poison_.empty() && !idle()) {
        fail(concat("rank ", rank(), " left while ", started_ - completed_ + messages_.pending(),
                    " of its operations were pending"),
             rank(), true);
      }
      if (poison_.empty()) {
        links_.broadcast({.kind = ControlKind::goodbye, .epoch = mesh_.epoch});
        poison_ = "tcp: this rank has left the communicator";
      }
    }
    stop_background();
    links_.drain(std::chrono::milliseconds(200));
    for (MeshPeer& peer : mesh_.peers) {
      if (peer.rank == rank()) continue;
      peer.control.stream().finish_writing();
      peer.messages.finish_writing();
      for (SecureStream& stream : peer.data) stream.finish_writing();
    }
  }

 private:
  static constexpr std::size_t queue_length = 64;
  static constexpr std::uint64_t pending_work = std::uint64_t{1} << 32;  // number of the data poller in the other
  static constexpr std::chrono::milliseconds explanation_time{1000};     // between a broken connection and its reason

  struct PeerState {
    bool left = false;
    bool broken = false;
    Deadline::Clock::time_point broken_since{};
    std::string fault = {};
  };

  /// Releases the lock while it lives.
  class Unlocked {
   public:
    explicit Unlocked(FutexLock& lock) : lock_(&lock) { lock.unlock(); }
    Unlocked(const Unlocked&) = delete;
    Unlocked& operator=(const Unlocked&) = delete;
    ~Unlocked() { lock_->lock(); }

   private:
    FutexLock* lock_;
  };

  int lanes() const {
    std::size_t lanes = 1;
    for (const MeshPeer& peer : mesh_.peers) {
      if (peer.rank != mesh_.rank) lanes = peer.data.size();
    }
    return static_cast<int>(lanes);
  }

  LOCKSTEP_ON_DEMAND void add_connections() {
    constexpr std::uint32_t events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    std::size_t number = 0;
    for (MeshPeer& peer : mesh_.peers) {
      peer.data.resize(static_cast<std::size_t>(lanes()));
      for (SecureStream& stream : peer.data) {
        runner_.add_lane(peer.rank, stream);
        if (peer.rank != rank()) {
          prepare(stream);
          data_.add(stream.descriptor(), events, number);
        }
        ++number;
      }
    }
    for (MeshPeer& peer : mesh_.peers) {
      messages_.add_peer(peer.messages);
      if (peer.rank != rank()) {
        prepare(peer.messages);
        data_.add(peer.messages.descriptor(), events, number);
      }
      ++number;
    }
  }

  // A peer that computes for long reads nothing, and its window stays shut: that is no fault. Whether it lives is
  // known from its control connection.
  static void prepare(SecureStream& stream) {
    const int unlimited = 0;
    ::setsockopt(stream.descriptor(), IPPROTO_TCP, TCP_USER_TIMEOUT, &unlimited, sizeof unlimited);
  }

  MeshPeer& peer_at(int rank) { return mesh_.peers[static_cast<std::size_t>(rank)]; }
  PeerState& state_of(int rank) { return peers_[static_cast<std::size_t>(rank)]; }

  // ---- calls; the lock is held in everything that follows ----

  bool idle() const { return completed_ == started_ && messages_.idle(); }

  bool done(std::uint64_t ticket) const {
    return MessageTicket::is_one(ticket) ? messages_.done(ticket) : ticket < completed_;
  }

  std::uint64_t begin(const Call& call) {
    require_usable();
    if (is_point_to_point(call.fingerprint.collective)) return messages_.start(call);
    if (started_ - completed_ == queue_length) {
      wait([&] { return started_ - completed_ < queue_length; });
    }
    calls_[started_ % queue_length] = call;
    const std::uint64_t ticket = started_++;
    if (ticket == completed_) begin_collective();
    return ticket;
  }

  /// The oldest collective goes on its way.
  void begin_collective() {
    const Call& call = calls_[completed_ % queue_length];
    const LoggedCall logged = log_.start(call.fingerprint.packed());
    plan_.write(call, rank(), size(), runner_.schedule());
    runner_.begin(call, {mesh_.epoch, logged.number, logged.fingerprint, 0, 0});
  }

  /// Does what can be done now; whether anything moved. Troubles are looked into at once.
  bool advance() {
    if (!poison_.empty()) return false;
    bool moved = false;
    while (completed_ < started_) {
      moved |= runner_.advance();
      if (runner_.trouble().peer >= 0) {
        on_trouble(runner_.trouble(), false);
        break;
      }
      if (!runner_.done()) break;
      ++completed_;
      moved = true;
      if (completed_ < started_) begin_collective();
    }
    if (!messages_.idle() && poison_.empty()) {
      moved |= messages_.advance();
      if (messages_.trouble().peer >= 0) on_trouble(messages_.trouble(), true);
    }
    if (moved) ++events_;
    return moved;
  }

  /// As `advance`, after asking the system for news.
  bool look_and_advance() {
    Poller::Events events;
    take_in(data_.wait(events, std::chrono::nanoseconds::zero()));
    const bool moved = advance();
    require_usable();
    return moved;
  }

  void take_in(std::span<const epoll_event> events) {
    for (const epoll_event& event : events) {
      if (event.data.u64 == Poller::alarm) {
        if (poison_.empty()) data_.silence();
      } else if (event.data.u64 < runner_.lane_count()) {
        runner_.lane(event.data.u64).report(event.events);
      } else {
        messages_.connection(static_cast<int>(event.data.u64 - runner_.lane_count())).report(event.events);
      }
    }
  }

  /// Makes progress until `done()`. Every step forward starts the deadline anew: it bounds the wait for a peer, not the
  /// length of a call.
  template <class Done>
  void wait(Done done) {
    advance();
    if (done()) return;
    require_usable();
    waiting_ = true;
    const struct Reset {
      bool& flag;
      ~Reset() { flag = false; }
    } reset{waiting_};
    if (spin(done)) return;
    Deadline deadline = Deadline::after(options_.deadline);
    for (;;) {
      Poller::Events events;
      std::span<const epoll_event> news;
      {
        const Unlocked unlocked(lock_);
        news = data_.wait(
            events, has_trouble() ? std::chrono::milliseconds(20) : deadline.at_most(std::chrono::seconds(1)).left());
      }
      take_in(news);
      const bool moved = advance();
      if (done()) return;
      require_usable();
      if (moved) {
        if (spin(done)) return;
        deadline = Deadline::after(options_.deadline);
      } else {
        look_for_trouble(deadline);
      }
    }
  }

  template <class Done>
  bool spin(Done done) {
    for (int left = plan_.spins; left > 0; --left) {
      if (completed_ < started_) runner_.look_again();
      messages_.look_again();
      if (advance()) left = plan_.spins;
      if (done()) return true;
      if (!poison_.empty()) return false;
    }
    return false;
  }

  /// The other thread goes on with what is pending.
  void hand_over() {
    if (idle() || armed_ || !poison_.empty()) return;
    armed_ = true;
    control_.change(data_.descriptor(), EPOLLIN | EPOLLONESHOT, pending_work);
  }

  void look_after_idle_tests() {
    constexpr std::uint64_t tests_between_looks = 1024;
    if (tested_events_ != events_) idle_tests_ = 0;
    tested_events_ = events_;
    if (idle_tests_++ == 0) tests_deadline_ = Deadline::after(options_.deadline);
    if (idle_tests_ % tests_between_looks == 0) look_for_trouble(tests_deadline_);
  }

  // ---- failures ----

  void require_usable() {
    if (!poison_.empty()) throw_failure();
  }

  LOCKSTEP_ON_DEMAND [[noreturn]] void throw_failure() {
    if (std::exchange(reported_, true)) {
      throw CommunicationError(concat("the communicator has failed before: ", poison_));
    }
    throw CommunicationError(poison_);
  }

  /// The first failure stands. Nothing touches the callers' buffers afterwards.
  LOCKSTEP_ON_DEMAND void fail(const std::string& text, int culprit, bool tell) {
    if (!poison_.empty()) return;
    poison_ = concat("tcp: ", text, here());
    if (tell) {
      links_.broadcast({.kind = ControlKind::failure, .epoch = mesh_.epoch, .culprit = culprit, .text = text});
    }
    runner_.cancel();
    messages_.cancel();
    data_.ring();
  }

  /// What this rank was doing, for errors.
  LOCKSTEP_ON_DEMAND std::string here() const {
    if (completed_ < started_) return concat("; this rank (", rank(), ") was in ", describe(log_.last()));
    if (!messages_.idle()) {
      const Call& call = messages_.current(messages_.busy().front());
      return concat("; this rank (", rank(), ") was in ", to_string(call.fingerprint));
    }
    if (log_.last().number == 0) return {};
    return concat("; this rank (", rank(), ") was last in ", describe(log_.last()));
  }

  bool has_trouble() const { return troubles_ > 0; }

  LOCKSTEP_ON_DEMAND void on_trouble(const ConnectionTrouble& trouble, bool of_messages) {
    const int peer = trouble.peer;
    if (trouble.flow == Flow::malformed) {
      return fail(concat("what came from ", describe(peer_at(peer)), " on a connection for ",
                         of_messages ? "messages" : "collectives", " makes no sense (", trouble.connection->fault(),
                         "); something between the ranks changes what they send"),
                  peer, true);
    }
    if (trouble.flow == Flow::mismatch) {
      return fail(of_messages ? describe_message_mismatch(trouble) : describe_difference(trouble), peer, true);
    }
    PeerState& state = state_of(peer);
    if (!std::exchange(state.broken, true)) {
      ++troubles_;
      state.broken_since = Deadline::Clock::now();
      state.fault = trouble.flow == Flow::closed ? "it was closed" : trouble.connection->fault();
    }
    explain(peer);
  }

  /// A broken connection has a reason that comes over the control connection: a death, a goodbye or a failure.
  LOCKSTEP_ON_DEMAND void explain(int peer) {
    PeerState& state = state_of(peer);
    if (state.left) return fail(concat(describe(peer_at(peer)), " left", last_seen(peer)), peer, true);
    if (Deadline::Clock::now() - state.broken_since < explanation_time) return;
    fail(
        concat("a connection to ", describe(peer_at(peer)), " broke: ", state.fault, "; the rank was", last_seen(peer)),
        peer, true);
  }

  LOCKSTEP_ON_DEMAND std::string last_seen(int peer) const {
    return concat(", last seen ", describe_last_call(log_, peer));
  }

  LOCKSTEP_ON_DEMAND std::string describe_difference(const ConnectionTrouble& trouble) {
    const DataHeader &got = trouble.connection->received(), &expected = trouble.connection->expected();
    const MeshPeer &self = peer_at(rank()), &other = peer_at(trouble.peer);
    log_.saw(trouble.peer, {got.sequence, got.fingerprint});
    switch (compare(got, expected)) {
      case HeaderDifference::fingerprint:
        return describe_mismatch(self, other, got.sequence, expected.fingerprint, got.fingerprint);
      case HeaderDifference::length:
        return concat("the ranks disagree about the counts of ",
                      describe(LoggedCall{expected.sequence, expected.fingerprint}), ": ", describe(other),
                      " was given other counts than ", describe(self));
      case HeaderDifference::sequence:
        if (log_.contradicts({got.sequence, got.fingerprint})) {
          return describe_mismatch(self, other, got.sequence, log_.own(got.sequence).fingerprint, got.fingerprint);
        }
        return concat("the ranks disagree about the order of their calls: ", describe(other), " was in ",
                      describe(LoggedCall{got.sequence, got.fingerprint}), " where ", describe(self), " was in ",
                      describe(LoggedCall{expected.sequence, expected.fingerprint}),
                      "; all ranks must make the same calls in the same order");
      default:
        return concat("what ", describe(other), " sent does not belong to ",
                      describe(LoggedCall{expected.sequence, expected.fingerprint}), " of ", describe(self), " (epoch ",
                      got.epoch, ", step ", got.step, " instead of epoch ", expected.epoch, ", step ", expected.step,
                      "); do all ranks run the same version of the program?");
    }
  }

  LOCKSTEP_ON_DEMAND std::string describe_message_mismatch(const ConnectionTrouble& trouble) {
    const DataHeader &got = trouble.connection->received(), &expected = trouble.connection->expected();
    Fingerprint sent = Fingerprint::unpack(got.fingerprint), received = Fingerprint::unpack(expected.fingerprint);
    sent.root = static_cast<std::uint16_t>(rank());
    received.collective = Collective::receive;
    received.root = static_cast<std::uint16_t>(trouble.peer);
    return concat("message #", expected.sequence + 1, " from rank ", trouble.peer, " to rank ", rank(), ": ",
                  describe(peer_at(trouble.peer)), " called ", to_string(sent), "; ", describe(peer_at(rank())),
                  " called ", to_string(received), "; a message is received with the type and count it was sent with");
  }

  /// Called when a wait has seen no news: fails if none can come any more, and throws then.
  LOCKSTEP_ON_DEMAND void look_for_trouble(const Deadline& deadline) {
    for (int peer = 0; has_trouble() && peer < size() && poison_.empty(); ++peer) {
      if (state_of(peer).broken) explain(peer);
    }
    if (poison_.empty() && deadline.passed()) fail(deadline_text(), rank(), true);
    require_usable();
  }

  LOCKSTEP_ON_DEMAND std::string deadline_text() {
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(options_.deadline).count();
    const bool collective = completed_ < started_;
    std::string text =
        concat("rank ", rank(), " waited ", static_cast<double>(milliseconds) / 1000.0, " s in ",
               collective ? describe(log_.last()) : to_string(messages_.current(messages_.busy().front()).fingerprint),
               " for");
    // Those who have not come to this call hold the others up; a rank that waits itself is named only without them.
    int named = 0;
    for (const bool behind : {true, false}) {
      for (int peer = 0; peer < size() && named < 4; ++peer) {
        if (peer == rank()) continue;
        const bool late = collective && log_.seen(peer).number < log_.last().number;
        const bool holds = collective && completed_ < started_ ? runner_.waits_for(peer) : messages_.waits_for(peer);
        if (behind ? !late : !holds) continue;
        text += concat(named++ > 0 ? ", and for " : " ", describe(peer_at(peer)), ", which is alive but was last seen ",
                       describe_last_call(log_, peer));
      }
      if (named > 0) break;
    }
    if (named == 0) text += " a peer";
    return concat(text, "; if it needs longer between two collectives, raise the communicator's deadline");
  }

  // ---- the thread in the background; without the lock, unless it says so ----

  LOCKSTEP_ON_DEMAND void stop_background() {
    if (background_ == nullptr || ::getpid() != process_) return;
    stop_.store(true);
    control_.ring();
    delete std::exchange(background_, nullptr);
  }

  LOCKSTEP_ON_DEMAND void watch() noexcept {
    try {
      keep_watch();
    } catch (const std::exception& error) {
      try {
        const LockGuard guard(lock_);
        fail(concat("rank ", rank(), " cannot watch its peers: ", error.what()), rank(), true);
      } catch (...) {  // no memory for the text: the peers miss this rank's signs of life
      }
    }
  }

  LOCKSTEP_ON_DEMAND void keep_watch() {
    using Clock = Deadline::Clock;
    const std::chrono::nanoseconds look = options_.heartbeat / 4;
    Clock::time_point last = Clock::now(), next_beat = last;
    while (!stop_.load()) {
      Poller::Events events;
      const auto news = control_.wait(events, look);
      const Clock::time_point now = Clock::now();
      // This process was stopped, or the host slept: what the peers sent meanwhile is read before anyone is judged.
      if (now - last > look + options_.heartbeat) links_.forgive_silence();
      last = now;
      for (const epoll_event& event : news) {
        if (event.data.u64 == Poller::alarm) {
          control_.silence();
        } else if (event.data.u64 == pending_work) {
          drive();
        } else {
          hear(static_cast<int>(event.data.u64));
        }
      }
      if (now >= next_beat) {
        beat();
        next_beat = now + options_.heartbeat;
      }
      if (news.empty()) judge_silence();
    }
  }

  LOCKSTEP_ON_DEMAND void beat() {
    ControlFrame frame{.kind = ControlKind::heartbeat, .epoch = mesh_.epoch};
    {
      const LockGuard guard(lock_);
      frame.calls = log_.last().number;
      frame.fingerprint = log_.last().fingerprint;
    }
    links_.beat(frame);
  }

  LOCKSTEP_ON_DEMAND void judge_silence() {
    const int silent = links_.find_silent(options_.suspect_after);
    if (silent < 0) return;
    links_.give_up(silent);
    const LockGuard guard(lock_);
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(options_.suspect_after).count();
    fail(
        concat(describe(peer_at(silent)), " has given no sign of life for ", static_cast<double>(milliseconds) / 1000.0,
               " s: its process is stopped, or its host or the network between is down; it was", last_seen(silent)),
        silent, true);
  }

  /// Reads what a peer's control connection has.
  LOCKSTEP_ON_DEMAND void hear(int peer) {
    for (;;) {
      const ControlNews news = links_.receive(peer);
      if (news.status == ControlChannel::Status::nothing) return;
      const LockGuard guard(lock_);
      if (news.status == ControlChannel::Status::frame) {
        on_frame(peer, news.frame);
      } else if (news.status == ControlChannel::Status::failed && !is_end_of_connection(news.fault)) {
        fail(concat("the control connection to ", describe(peer_at(peer)), " failed: ", news.fault, "; it was",
                    last_seen(peer)),
             peer, true);
      } else if (!state_of(peer).left) {
        fail(concat(describe(peer_at(peer)), " died", last_seen(peer)), peer, true);
      }
    }
  }

  /// A process that is killed while bytes for it are under way resets its connections.
  LOCKSTEP_ON_DEMAND static bool is_end_of_connection(const std::string& fault) {
    return fault == std::strerror(ECONNRESET) || fault == std::strerror(EPIPE);
  }

  LOCKSTEP_ON_DEMAND void on_frame(int peer, const ControlFrame& frame) {
    if (frame.epoch != mesh_.epoch) return;
    if (frame.kind == ControlKind::heartbeat) {
      const LoggedCall call{frame.calls, frame.fingerprint};
      log_.saw(peer, call);
      if (log_.contradicts(call)) {
        fail(describe_mismatch(peer_at(rank()), peer_at(peer), call.number, log_.own(call.number).fingerprint,
                               call.fingerprint),
             peer, true);
      }
    } else if (frame.kind == ControlKind::failure) {
      fail(concat(describe(peer_at(peer)), " reported: ", frame.text), frame.culprit, false);
    } else if (frame.kind == ControlKind::goodbye) {
      state_of(peer).left = true;
      data_.ring();
    }
  }

  /// Goes on with what is pending while nobody waits for it.
  LOCKSTEP_ON_DEMAND void drive() {
    const LockGuard guard(lock_);
    armed_ = false;
    if (waiting_ || idle() || !poison_.empty()) return;
    Poller::Events events;
    take_in(data_.wait(events, std::chrono::nanoseconds::zero()));
    advance();
    hand_over();
  }

  Mesh mesh_;
  TcpOptions options_;
  CollectivePlan plan_;
  Poller data_, control_;
  ControlLinks links_;

  FutexLock lock_;  // of everything below
  CallLog log_;
  ScheduleRunner runner_;
  MessageQueues messages_;
  std::vector<PeerState> peers_;
  int troubles_ = 0;
  std::array<Call, queue_length> calls_;
  std::uint64_t started_ = 0;
  std::uint64_t completed_ = 0;
  std::uint64_t events_ = 0;
  bool waiting_ = false;  // the caller drives the sockets, or sleeps until they have news
  bool armed_ = false;    // the other thread is told of news
  bool reported_ = false;
  std::string poison_;
  std::uint64_t idle_tests_ = 0, tested_events_ = 0;
  Deadline tests_deadline_ = Deadline::after(std::chrono::nanoseconds::zero());

  pid_t process_ = ::getpid();
  std::atomic<bool> stop_{false};
  Thread* background_ = nullptr;  // a copy of the process has no such thread to join
};

static_assert(CollectiveEngine<TcpEngine>);

}  // namespace lockstep::detail
