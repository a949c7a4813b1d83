// Waiting for operations: spin for microseconds, then sleep, always with a deadline, and notice who is gone.
#pragma once

#include <lockstep/comm/host/bell.hpp>
#include <lockstep/comm/host/control_page.hpp>
#include <lockstep/comm/host/failure.hpp>
#include <lockstep/comm/host/host_transport.hpp>
#include <lockstep/comm/host/operation_queue.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/deadline.hpp>

#include <cstdint>
#include <string>
#include <utility>

namespace lockstep::detail {

/// The collectives of ranks that share memory; one implementation for threads and processes.
template <HostTransport Transport>
class HostEngine {
 public:
  HostEngine(Transport transport, ControlPage page, int rank, WaitOptions options)
      : queue_(std::move(transport), page, rank), options_(options) {
    if (page.size() > page.group().processors) options_.spin = std::chrono::nanoseconds::zero();
  }

  int rank() const { return queue_.rank(); }
  int size() const { return queue_.size(); }
  Transport& transport() { return queue_.transport(); }
  const ControlPage& page() const { return queue_.page(); }
  Deadline deadline() const { return Deadline::after(options_.deadline); }

  /// Starts an operation and returns its number; blocks only when too many are under way.
  std::uint64_t start(const Call& call) {
    queue_.require_usable();
    if (!queue_.has_free_slot()) wait([&] { return queue_.has_free_slot(); });
    return queue_.post(call);
  }

  /// Waits for an operation and all before it.
  void finish(std::uint64_t number) {
    if (number < queue_.completed()) return;
    queue_.require_no_error();  // the group's failure is seen by the wait, if it comes to that
    wait([&] { return number < queue_.completed(); });
  }

  void run(const Call& call) { finish(start(call)); }

  /// Advances and says whether the operation is done. Asking again and again is a kind of waiting: it ends with the
  /// same errors as `finish`.
  bool finished(std::uint64_t number) {
    if (number < queue_.completed()) return true;
    progress();
    if (number >= queue_.completed()) look_after_idle_tests();
    return number < queue_.completed();
  }

  /// Does what can be done now without waiting.
  void progress() {
    if (queue_.completed() == queue_.started()) return;
    queue_.require_usable();
    queue_.advance();
  }

  /// Gives up on behalf of this rank, which ends the peers' waits too.
  [[noreturn]] void fail(const std::string& text) { queue_.fail(text); }
  void abandon(const std::string& text) { queue_.abandon(text); }

  /// Says goodbye: peers that still wait for this rank are told.
  void leave(bool after_exception) { queue_.leave(after_exception); }

 private:
  static constexpr std::chrono::milliseconds longest_nap{50};  // between two looks for peers that are gone

  /// Makes progress until `done()`. Every step forward starts the deadline anew: it bounds the wait for a peer, not the
  /// length of a call.
  template <class Done>
  void wait(Done done) {
    queue_.advance();
    if (done() || spin(done)) return;
    Deadline deadline = Deadline::after(options_.deadline);
    for (;;) {
      const std::uint64_t before = queue_.events();
      nap(done, deadline);
      queue_.advance();
      if (done()) return;
      if (queue_.events() == before) {
        look_for_trouble(deadline);
        if (done()) return;
      } else {
        if (spin(done)) return;
        deadline = Deadline::after(options_.deadline);
      }
    }
  }

  template <class Done>
  bool spin(Done done) {
    if (options_.spin <= std::chrono::nanoseconds::zero()) return false;
    const auto look = [&](int times) {
      for (; times > 0; --times) {
        pause_briefly();
        queue_.advance();
        if (done()) return true;
      }
      return false;
    };
    if (look(64)) return true;  // a peer that is in step is here before the first reading of the clock
    const Deadline end = Deadline::after(options_.spin);
    while (!end.passed()) {
      if (look(16)) return true;
    }
    return false;
  }

  template <class Done>
  void nap(Done done, const Deadline& deadline) {
    Sleeper sleeper(page(), rank());
    const bool moved = queue_.advance();  // the last look: from here on peers ring the bell
    if (!moved && !done() && !queue_.failure_seen()) sleeper.wait(deadline.at_most(longest_nap), Transport::scope);
  }

  void look_after_idle_tests() {
    constexpr std::uint64_t tests_between_looks = 1024;  // a look costs a system call
    if (tested_events_ != queue_.events()) idle_tests_ = 0;
    tested_events_ = queue_.events();
    if (idle_tests_++ == 0) tests_deadline_ = deadline();
    if (idle_tests_ % tests_between_looks == 0) look_for_trouble(tests_deadline_);
  }

  /// Called when a wait has seen no news: throws if none can come any more.
  void look_for_trouble(const Deadline& deadline) {
    const int dead = transport().find_dead(page());
    const int gone = find_gone();
    const bool failed = queue_.failure_seen();
    const bool late = deadline.passed();
    if (dead < 0 && gone < 0 && !failed && !late) return;
    if (queue_.advance()) return;  // what a peer has published before it went still counts
    const std::string here = concat("; this rank (", rank(), ") was in ", queue_.current_call());
    if (failed) queue_.fail_with_group();  // first: those who fail go away, and are not the cause
    if (dead >= 0) fail(concat(describe_rank(page(), dead), " died ", describe_last_call(page(), dead), here));
    if (gone >= 0) fail(concat(describe_rank(page(), gone), " left ", describe_last_call(page(), gone), here));
    fail(deadline_text());
  }

  /// A rank that has left although this wait is for it, or -1.
  int find_gone() const {
    for (int peer = 0; peer < size(); ++peer) {
      if (page().rank(peer).identity.state.load() == RankState::left && queue_.lags(peer)) return peer;
    }
    return -1;
  }

  std::string deadline_text() const {
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(options_.deadline).count();
    std::string text = concat("rank ", rank(), " waited ", static_cast<double>(milliseconds) / 1000.0, " s in ",
                              queue_.current_call(), " for");
    int named = 0;
    for (int peer = 0; peer < size() && named < 4; ++peer) {
      if (peer == rank() || !queue_.lags(peer)) continue;
      text += concat(named++ > 0 ? ", and for " : " ", describe_rank(page(), peer),
                     ", which is alive but was last seen ", describe_last_call(page(), peer));
    }
    if (named == 0) text += " a peer";
    return concat(text, "; if it needs longer between two collectives, raise the communicator's deadline");
  }

  OperationQueue<Transport> queue_;
  WaitOptions options_;
  std::uint64_t idle_tests_ = 0;     // in a row, without news
  std::uint64_t tested_events_ = 0;  // the news at the last test
  Deadline tests_deadline_ = Deadline::after(std::chrono::nanoseconds::zero());
};

}  // namespace lockstep::detail
