// Calls over sockets. Whoever waits for a call drives the sockets himself; a thread in the background gives and watches
// for signs of life, and drives what is pending while nobody waits.
#pragma once

#include <lockstep/comm/call/call.hpp>
#include <lockstep/comm/call/collective_engine.hpp>
#include <lockstep/comm/tcp/call_driver.hpp>
#include <lockstep/comm/tcp/control_links.hpp>
#include <lockstep/comm/tcp/futex_lock.hpp>
#include <lockstep/comm/tcp/mesh.hpp>
#include <lockstep/comm/tcp/poller.hpp>
#include <lockstep/comm/tcp/regrouping.hpp>
#include <lockstep/comm/tcp/tcp_options.hpp>
#include <lockstep/comm/tcp/trouble_text.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>
#include <lockstep/core/thread.hpp>

#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::detail {

class TcpEngine {
 public:
  LOCKSTEP_ON_DEMAND TcpEngine(Mesh mesh, const TcpOptions& options, const CollectivePlan& plan)
      : mesh_(std::move(mesh)),
        options_(options),
        data_(Poller::make()),
        control_(Poller::make()),
        links_(mesh_, control_),
        driver_(mesh_, plan, data_),
        regrouping_(mesh_.size),
        peers_(static_cast<std::size_t>(mesh_.size)) {
    control_.add(data_.descriptor(), 0, pending_work);
    if (mesh_.size > 1) background_ = new Thread([this] { watch(); });
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
    if (driver_.done(ticket)) return;
    require_usable();
    wait([&] { return driver_.done(ticket); });
    hand_over();
  }

  void run(const Call& call) {
    const LockGuard guard(lock_);
    const std::uint64_t ticket = begin(call);
    wait([&] { return driver_.done(ticket); });
    hand_over();
  }

  /// As `run`, before the first call of the user.
  LOCKSTEP_ON_DEMAND void agree(const Call& call) {
    const LockGuard guard(lock_);
    driver_.number_calls(false);
    const std::uint64_t ticket = begin(call);
    wait([&] { return driver_.done(ticket); });
    driver_.number_calls(true);
  }
  void set_link(const LinkModel& link) {
    const LockGuard guard(lock_);
    driver_.set_link(link);
  }

  bool finished(std::uint64_t ticket) {
    const LockGuard guard(lock_);
    if (driver_.done(ticket)) return true;
    require_usable();
    look_and_advance();
    if (!driver_.done(ticket)) look_after_idle_tests();
    return driver_.done(ticket);
  }

  void progress() {
    const LockGuard guard(lock_);
    if (driver_.idle()) return;
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
      if (after_exception) {
        fail(concat("rank ", rank(), " ended with an exception"), rank(), true);
      } else if (!driver_.idle()) {
        fail(concat("rank ", rank(), " left while ", driver_.pending(), " of its operations were pending"), rank(),
             true);
      }
      links_.broadcast({.kind = ControlKind::goodbye, .epoch = mesh_.epoch});
      if (poison_.empty()) poison_ = "tcp: this rank has left the communicator";
    }
    stop_background();
    links_.finish(std::chrono::milliseconds(200));
    for (MeshPeer& peer : mesh_.peers) {
      if (peer.rank == rank()) continue;
      peer.messages.finish_writing();
      for (SecureStream& stream : peer.data) stream.finish_writing();
    }
  }

  /// Agrees with the ranks that are left who goes on, in about TcpOptions::connect_deadline. Ends the use of this
  /// engine.
  LOCKSTEP_ON_DEMAND Survivors find_survivors() {
    {
      const LockGuard guard(lock_);
      if (poison_.empty()) {
        throw ArgumentError("rebuild: this communicator has not failed; use split to make another one of its ranks");
      }
      links_.broadcast(regrouping_.begin(rank(), mesh_.epoch));
    }
    const Deadline deadline = Deadline::after(options_.connect_deadline);
    const Deadline patience = Deadline::after(options_.connect_deadline + std::chrono::seconds(2));  // for the lowest
    for (;;) {
      const std::uint32_t seen = control_news_.load();
      {
        const LockGuard guard(lock_);
        Survivors survivors = regrouping_.decide(rank(), mesh_.epoch, deadline.passed(), [&](int peer) {
          return links_.is_open(peer) && !state_of(peer).left;
        });
        if (survivors.place.rank >= 0) return survivors;
      }
      if (patience.passed()) {
        throw CommunicationError(concat("tcp: rank ", rank(),
                                        " was not told by the lowest rank that is left how the communicator is "
                                        "rebuilt; every survivor must call rebuild()"));
      }
      futex_wait(control_news_, seen, Deadline::after(std::chrono::milliseconds(100)));
    }
  }

  void tell_place(int rank, const NewPlace& place) { links_.send(rank, regrouping_.frame_for(place, mesh_.epoch)); }

 private:
  static constexpr std::uint64_t pending_work = std::uint64_t{1} << 32;  // number of the data poller in the other
  static constexpr std::chrono::milliseconds explanation_time{1000};     // between a broken connection and its reason

  struct PeerState {
    bool left = false;
    bool broken = false;
    Deadline::Clock::time_point broken_since{};
    std::string fault = {};
  };

  PeerState& state_of(int rank) { return peers_[static_cast<std::size_t>(rank)]; }
  std::string name_of(int rank) const { return describe(peer_at(mesh_, rank)); }

  // ---- progress; the lock is held ----

  std::uint64_t begin(const Call& call) {
    require_usable();
    if (!driver_.has_room()) wait([&] { return driver_.has_room(); });
    return driver_.start(call);
  }

  /// Does what can be done now; whether anything moved. Trouble is looked into at once.
  bool advance() {
    if (!poison_.empty()) return false;
    const bool moved = driver_.advance();
    if (driver_.in_trouble()) on_trouble();
    return moved;
  }

  /// As `advance`, after asking the system for news.
  void look_and_advance() {
    Poller::Events events;
    take_in(data_.wait(events, std::chrono::nanoseconds::zero()));
    advance();
    require_usable();
  }

  void take_in(std::span<const epoll_event> events) {
    for (const epoll_event& event : events) {
      if (event.data.u64 != Poller::alarm) {
        driver_.report(event.data.u64, event.events);
      } else if (poison_.empty()) {
        data_.silence();
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
      const std::chrono::nanoseconds patience =
          driver_.in_trouble() ? std::chrono::milliseconds(20) : deadline.at_most(std::chrono::seconds(1)).left();
      {
        const UnlockGuard unlocked(lock_);
        news = data_.wait(events, patience);
      }
      take_in(news);
      const bool moved = advance();
      if (done()) return;
      require_usable();
      if (!moved) {
        look_for_trouble(deadline);
      } else {
        if (spin(done)) return;
        deadline = Deadline::after(options_.deadline);
      }
    }
  }

  template <class Done>
  bool spin(Done done) {
    for (int left = driver_.plan().spins; left > 0; --left) {
      driver_.look_again();
      if (advance()) left = driver_.plan().spins;
      if (done()) return true;
      if (!poison_.empty()) return false;
    }
    return false;
  }

  /// The other thread goes on with what is pending.
  void hand_over() {
    if (driver_.idle() || armed_ || !poison_.empty()) return;
    armed_ = true;
    control_.change(data_.descriptor(), EPOLLIN | EPOLLONESHOT, pending_work);
  }

  /// Asking again and again is a kind of waiting: it ends with the same errors.
  void look_after_idle_tests() {
    constexpr std::uint64_t tests_between_looks = 1024;
    if (tested_events_ != driver_.events()) idle_tests_ = 0;
    tested_events_ = driver_.events();
    if (idle_tests_++ == 0) tests_deadline_ = Deadline::after(options_.deadline);
    if (idle_tests_ % tests_between_looks == 0) look_for_trouble(tests_deadline_);
  }

  // ---- failures; the lock is held ----

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
    driver_.cancel();
    data_.ring();
  }

  /// What this rank was doing, for errors.
  LOCKSTEP_ON_DEMAND std::string here() const {
    if (!driver_.idle()) return concat("; this rank (", rank(), ") was in ", driver_.current_call());
    if (driver_.log().last().number == 0) return {};
    return concat("; this rank (", rank(), ") was last in ", driver_.current_call());
  }

  LOCKSTEP_ON_DEMAND std::string last_seen(int peer) const {
    return concat(", last seen ", describe_last_call(driver_.log(), peer));
  }

  LOCKSTEP_ON_DEMAND void on_trouble() {
    const ConnectionTrouble& trouble = driver_.trouble();
    const bool of_messages = driver_.trouble_is_of_messages();
    if (trouble.flow == Flow::malformed) {
      return fail(describe_nonsense(mesh_, trouble, of_messages), trouble.peer, true);
    }
    if (trouble.flow == Flow::mismatch) {
      return fail(of_messages ? describe_message_mismatch(mesh_, trouble)
                              : describe_collective_mismatch(mesh_, driver_.log(), trouble),
                  trouble.peer, true);
    }
    PeerState& state = state_of(trouble.peer);
    if (!std::exchange(state.broken, true)) {
      state.broken_since = Deadline::Clock::now();
      state.fault = trouble.flow == Flow::closed ? "the other side closed it" : trouble.connection->fault();
    }
    explain(trouble.peer);
  }

  /// A broken connection has a reason that comes over the control connection: a death, a goodbye or a failure.
  LOCKSTEP_ON_DEMAND void explain(int peer) {
    const PeerState& state = state_of(peer);
    if (state.left) return fail(concat(name_of(peer), " left", last_seen(peer)), peer, true);
    if (Deadline::Clock::now() - state.broken_since < explanation_time) return;
    fail(concat("a connection to ", name_of(peer), " broke: ", state.fault, "; the rank lives", last_seen(peer)), peer,
         true);
  }

  /// Called when a wait has seen no news: throws if none can come any more.
  LOCKSTEP_ON_DEMAND void look_for_trouble(const Deadline& deadline) {
    if (driver_.in_trouble()) explain(driver_.trouble().peer);
    if (poison_.empty() && deadline.passed()) {
      fail(describe_deadline(mesh_, driver_, options_.deadline), rank(), true);
    }
    require_usable();
  }

  // ---- the thread in the background; it takes the lock where it needs it ----

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
      // This process was stopped, or the host slept: what was not heard meanwhile is nobody's fault.
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
        judge_silence();
        next_beat = now + options_.heartbeat;
      }
    }
  }

  LOCKSTEP_ON_DEMAND void beat() {
    ControlFrame frame{.kind = ControlKind::heartbeat, .epoch = mesh_.epoch};
    {
      const LockGuard guard(lock_);
      frame.calls = driver_.log().last().number;
      frame.fingerprint = driver_.log().last().fingerprint;
    }
    links_.beat(frame);
  }

  LOCKSTEP_ON_DEMAND void judge_silence() {
    const int silent = links_.find_silent(options_.suspect_after);
    if (silent < 0) return;
    links_.give_up(silent);
    const LockGuard guard(lock_);
    fail(concat(name_of(silent), " has given no sign of life for ", seconds_of(options_.suspect_after),
                " s: its process is stopped, or its host or the network between is down", last_seen(silent)),
         silent, true);
    tell_news();
  }

  /// Reads what a peer's control connection has.
  LOCKSTEP_ON_DEMAND void hear(int peer) {
    for (;;) {
      const ControlNews news = links_.receive(peer);
      if (news.status == ControlChannel::Status::nothing) return;
      const LockGuard guard(lock_);
      if (news.status == ControlChannel::Status::frame) {
        on_frame(peer, news.frame);
      } else if (news.status == ControlChannel::Status::failed) {
        fail(concat("the control connection to ", name_of(peer), " failed: ", news.fault, last_seen(peer)), peer, true);
      } else if (!state_of(peer).left) {
        fail(concat(name_of(peer), " died", last_seen(peer)), peer, true);
      }
      tell_news();
    }
  }

  LOCKSTEP_ON_DEMAND void on_frame(int peer, const ControlFrame& frame) {
    if (frame.epoch != mesh_.epoch) return;
    if (frame.kind == ControlKind::heartbeat) {
      const LoggedCall call{frame.calls, frame.fingerprint};
      driver_.log().saw(peer, call);
      if (!driver_.log().contradicts(call)) return;
      fail(describe_mismatch(peer_at(mesh_, rank()), peer_at(mesh_, peer), call.number,
                             driver_.log().own(call.number).fingerprint, call.fingerprint),
           peer, true);
    } else if (frame.kind == ControlKind::failure) {
      fail(concat(name_of(peer), " reported: ", frame.text), frame.culprit, false);
    } else if (frame.kind == ControlKind::goodbye) {
      state_of(peer).left = true;
      data_.ring();  // whoever waits for that rank looks again
    } else {
      regrouping_.hear(peer, frame);
    }
  }

  void tell_news() {
    control_news_.fetch_add(1);
    futex_wake(control_news_, 1);
  }

  /// Goes on with what is pending while nobody waits for it.
  LOCKSTEP_ON_DEMAND void drive() {
    const LockGuard guard(lock_);
    armed_ = false;
    if (waiting_ || driver_.idle() || !poison_.empty()) return;
    Poller::Events events;
    take_in(data_.wait(events, std::chrono::nanoseconds::zero()));
    advance();
    hand_over();
  }

  Mesh mesh_;
  TcpOptions options_;
  Poller data_, control_;
  ControlLinks links_;

  FutexLock lock_;  // of what follows
  CallDriver driver_;
  Regrouping regrouping_;
  std::vector<PeerState> peers_;
  bool waiting_ = false;  // the caller drives the sockets, or sleeps until they have news
  bool armed_ = false;    // the other thread is told of news
  bool reported_ = false;
  std::string poison_;
  std::uint64_t idle_tests_ = 0, tested_events_ = 0;
  Deadline tests_deadline_ = Deadline::after(std::chrono::nanoseconds::zero());

  pid_t process_ = ::getpid();
  std::atomic<bool> stop_{false};
  std::atomic<std::uint32_t> control_news_{0};
  Thread* background_ = nullptr;  // by hand: a copy of the process has no such thread to join
};

static_assert(CollectiveEngine<TcpEngine>);

}  // namespace lockstep::detail
