// Waiting for operations: spin for microseconds, then sleep, always with a deadline, and notice who is gone.
#pragma once

#include <lockstep/comm/host/bell.hpp>
#include <lockstep/comm/host/control_page.hpp>
#include <lockstep/comm/host/failure.hpp>
#include <lockstep/comm/host/host_transport.hpp>
#include <lockstep/comm/host/member.hpp>
#include <lockstep/comm/host/message_queue.hpp>
#include <lockstep/comm/host/operation_queue.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/deadline.hpp>

#include <sched.h>

#include <cstdint>
#include <string>
#include <utility>

namespace lockstep::detail {

/// The collectives and messages of ranks that share memory; one implementation for threads and processes.
template <HostTransport Transport>
class HostEngine {
 public:
  HostEngine(Transport transport, ControlPage page, int rank, WaitOptions options)
      : member_(std::move(transport), page, rank), queue_(member_), messages_(member_), options_(options) {
    if (page.size() > page.group().processors) options_.spin = std::chrono::nanoseconds::zero();
  }

  int rank() const { return member_.rank(); }
  int size() const { return member_.size(); }
  Transport& transport() { return member_.transport(); }
  const ControlPage& page() const { return member_.page(); }
  Deadline deadline() const { return Deadline::after(options_.deadline); }

  /// Starts a call and returns its ticket; a collective blocks when too many are under way.
  std::uint64_t start(const Call& call) {
    require_usable();
    if (is_point_to_point(call.fingerprint.collective)) return messages_.post(call);
    if (!queue_.has_free_slot()) {
      subject_ = queue_.completed();
      wait([&] { return queue_.has_free_slot(); });
    }
    return queue_.post(call);
  }

  /// Waits for a collective and all before it, or for a message.
  void finish(std::uint64_t ticket) {
    if (is_done(ticket)) return;
    member_.require_no_error();  // the group's failure is seen by the wait, if it comes to that
    subject_ = ticket;
    wait([&] { return is_done(ticket); });
  }

  void run(const Call& call) { finish(start(call)); }

  /// Advances and says whether the call is done. Asking again and again is a kind of waiting: it ends with the same
  /// errors as `finish`.
  bool finished(std::uint64_t ticket) {
    if (is_done(ticket)) return true;
    progress();
    if (is_done(ticket)) return true;
    subject_ = ticket;
    look_after_idle_tests();
    return is_done(ticket);
  }

  /// Does what can be done now without waiting.
  void progress() {
    if (pending() == 0) return;
    require_usable();
    member_.recorder().look_at_clock();
    advance();
  }

  /// Gives up on behalf of this rank, which ends the peers' waits too.
  [[noreturn]] void fail(const std::string& text) { member_.fail(text); }
  void abandon(const std::string& text) { member_.abandon(text); }

  /// Throws ArgumentError unless something has failed; what no call has met yet is noticed here.
  LOCKSTEP_ON_DEMAND void require_failure() {
    if (member_.has_failed()) return;
    const int dead = transport().find_dead(page());
    if (!member_.failure_seen() && dead < 0) {
      throw ArgumentError("rebuild: this communicator has not failed; use split to make another one of its ranks");
    }
    member_.abandon(member_.failure_seen()
                        ? announced_failure(page())
                        : concat(describe_rank(page(), dead), " died ", describe_last_call(page(), dead)));
  }

  /// Whether a rank can never come again.
  bool is_gone(int peer) {
    return page().rank(peer).identity.state.load() == RankState::left || transport().is_dead(peer);
  }

  /// Says goodbye: peers that still wait for this rank are told.
  void leave(bool after_exception) { member_.leave(after_exception, pending()); }

 private:
  static constexpr std::chrono::microseconds longest_giving_way{200};
  static constexpr std::chrono::milliseconds longest_nap{50};  // between two looks for peers that are gone

  bool is_done(std::uint64_t ticket) const {
    return is_message(ticket) ? messages_.is_done(ticket) : ticket < queue_.completed();
  }

  std::uint64_t pending() const { return queue_.started() - queue_.completed() + messages_.pending(); }

  bool advance() {
    const bool moved = queue_.advance();
    return (messages_.pending() > 0 && messages_.advance()) || moved;
  }

  std::uint64_t events() const { return queue_.events() + messages_.events(); }

  void require_usable() {
    member_.require_no_error();
    if (member_.failure_seen()) member_.fail_with_group(current_call());
  }

  /// Makes progress until `done()`. Every step forward starts the deadline anew: it bounds the wait for a peer, not the
  /// length of a call.
  template <class Done>
  void wait(Done done) {
    advance();
    if (done() || spin(done)) return;
    Deadline deadline = Deadline::after(options_.deadline);
    for (;;) {
      const std::uint64_t before = events();
      nap(done, deadline);
      member_.recorder().look_at_clock();
      advance();
      if (done()) return;
      if (events() == before) {
        look_for_trouble(deadline);
        if (done()) return;
      } else {
        if (spin(done)) return;
        deadline = Deadline::after(options_.deadline);
      }
    }
  }

  /// Looks for news without sleeping. To look all the time pays only while every rank has a processor, for then it is
  /// the fastest way.
  template <class Done>
  bool spin(Done done) {
    const bool alone = options_.spin > std::chrono::nanoseconds::zero() && spins_left_out_ == 0;
    if (alone && spin_alone(done)) {
      shared_spins_ = 0;
      return true;
    }
    if (spins_left_out_ > 0) --spins_left_out_;
    return give_way(done, alone);
  }

  /// Lets others have the processor, and looks whenever it is this rank's turn again. Ranks that share a processor hand
  /// it on like this in a tenth of the time that sleeping and waking takes. When the news are there after the first
  /// turn, several times in a row, and never while spinning, then a peer was waiting for this very processor.
  template <class Done>
  bool give_way(Done done, bool has_spun) {
    const Deadline end = Deadline::after(longest_giving_way);
    for (int turn = 0; turn == 0 || !end.passed(); ++turn) {
      ::sched_yield();
      member_.recorder().look_at_clock();
      advance();
      if (!done()) continue;
      if (has_spun && turn == 0 && ++shared_spins_ >= 3) {
        spins_left_out_ = 100;
        shared_spins_ = 0;
      }
      return true;
    }
    return false;
  }

  template <class Done>
  bool spin_alone(Done done) {
    const auto look = [&](int times, bool at_clock = true) {
      for (; times > 0; --times) {
        pause_briefly();
        if (at_clock) member_.recorder().look_at_clock();
        advance();
        if (done()) return true;
      }
      return false;
    };
    // A peer that is in step is here before the first reading of a clock.
    if (look(8, false) || look(56)) return true;
    const Deadline end = Deadline::after(options_.spin);
    while (!end.passed()) {
      if (look(16)) return true;
    }
    return false;
  }

  template <class Done>
  void nap(Done done, const Deadline& deadline) {
    Sleeper sleeper(page(), rank());
    const bool moved = advance();  // the last look: from here on peers ring the bell
    if (!moved && !done() && !member_.failure_seen()) sleeper.wait(deadline.at_most(longest_nap), Transport::scope);
  }

  void look_after_idle_tests() {
    constexpr std::uint64_t tests_between_looks = 1024;  // a look costs a system call
    if (tested_events_ != events()) idle_tests_ = 0;
    tested_events_ = events();
    if (idle_tests_++ == 0) tests_deadline_ = deadline();
    if (idle_tests_ % tests_between_looks == 0) look_for_trouble(tests_deadline_);
  }

  /// Called when a wait has seen no news: throws if none can come any more.
  void look_for_trouble(const Deadline& deadline) {
    const int dead = transport().find_dead(page());
    const int gone = find_gone();
    const bool failed = member_.failure_seen();
    const bool late = deadline.passed();
    if (dead < 0 && gone < 0 && !failed && !late) return;
    if (advance()) return;  // what a peer has published before it went still counts
    const std::string call = current_call();
    const std::string here = concat("; this rank (", rank(), ") was in ", call);
    if (failed) member_.fail_with_group(call);  // first: those who fail go away, and are not the cause
    if (dead >= 0) fail(concat(describe_rank(page(), dead), " died ", describe_last_call(page(), dead), here));
    if (gone >= 0) fail(concat(describe_rank(page(), gone), " left ", describe_last_call(page(), gone), here));
    fail(deadline_text(call));
  }

  /// A rank that has left although something here waits for it, or -1.
  int find_gone() const {
    for (int peer = 0; peer < size(); ++peer) {
      if (page().rank(peer).identity.state.load() != RankState::left) continue;
      if (queue_.lags(peer) || messages_.waits_for(peer)) return peer;
    }
    return -1;
  }

  /// What the present wait is for, or the last call.
  std::string current_call() const {
    return is_message(subject_) && !messages_.is_done(subject_) ? messages_.describe(subject_) : queue_.current_call();
  }

  /// Whether the present wait is for this rank.
  bool lags(int peer) const { return is_message(subject_) ? peer_of(subject_) == peer : queue_.lags(peer); }

  std::string deadline_text(const std::string& call) const {
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(options_.deadline).count();
    std::string text =
        concat("rank ", rank(), " waited ", static_cast<double>(milliseconds) / 1000.0, " s in ", call, " for");
    int named = 0;
    for (int peer = 0; peer < size() && named < 4; ++peer) {
      if (peer == rank() || !lags(peer)) continue;
      text += concat(named++ > 0 ? ", and for " : " ", describe_rank(page(), peer),
                     ", which is alive but was last seen ", describe_last_call(page(), peer));
    }
    if (named == 0) text += " a peer";
    return concat(text, "; if it needs longer between two calls, raise the communicator's deadline");
  }

  Member<Transport> member_;
  OperationQueue<Transport> queue_;
  MessageQueue<Transport> messages_;
  WaitOptions options_;
  int shared_spins_ = 0;             // waits in a row that a peer could end only when this rank stopped spinning
  int spins_left_out_ = 0;           // waits that are still to begin with giving way
  std::uint64_t subject_ = 0;        // the ticket of the call that is waited for
  std::uint64_t idle_tests_ = 0;     // in a row, without news
  std::uint64_t tested_events_ = 0;  // the news at the last test
  Deadline tests_deadline_ = Deadline::after(std::chrono::nanoseconds::zero());
};

}  // namespace lockstep::detail
