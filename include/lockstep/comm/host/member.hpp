// One rank's place in a group that shares memory: how it reaches the others, and how it and they learn of a failure.
#pragma once

#include <lockstep/comm/host/bell.hpp>
#include <lockstep/comm/host/control_page.hpp>
#include <lockstep/comm/host/failure.hpp>
#include <lockstep/comm/host/flight_reader.hpp>
#include <lockstep/comm/host/flight_recorder.hpp>
#include <lockstep/comm/host/host_transport.hpp>
#include <lockstep/core/error.hpp>

#include <sched.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

namespace lockstep::detail {

template <HostTransport Transport>
class Member {
 public:
  Member(Transport transport, ControlPage page, int rank)
      : transport_(std::move(transport)),
        page_(page),
        rank_(rank),
        size_(page.size()),
        recorder_(page.rank(rank).flight) {}
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  Transport& transport() { return transport_; }
  const ControlPage& page() const { return page_; }
  FlightRecorder& recorder() { return recorder_; }
  RankControl& own() const { return page_.rank(rank_); }

  bool failure_seen() const { return page_.group().failure.state.load(std::memory_order_seq_cst) != 0; }
  bool has_failed() const { return !poison_.empty(); }

  /// Throws if this rank has failed.
  void require_no_error() const {
    if (has_failed()) throw CommunicationError(concat("the communicator has failed before: ", poison_));
  }

  /// Gives up on behalf of this rank: every peer's next wait ends with an error that carries the text.
  [[noreturn]] void fail(const std::string& text) {
    abandon(text);
    throw CommunicationError(poison_);
  }

  /// Fails for the reason that the first failing rank gave; `call` is what this rank was in, or empty.
  [[noreturn]] void fail_with_group(const std::string& call) {
    const std::string reported = announced_failure(page_);
    fail(call.empty() ? reported : concat(reported, "; this rank (", rank_, ") was in ", call));
  }

  /// As `fail`, for callers that throw something else.
  void abandon(const std::string& text) {
    const bool first = !has_failed();
    poison_ = concat(Transport::name, ": ", text);
    announce_failure(page_, rank_, text);
    ring_bells(page_, rank_, Transport::scope);
    if constexpr (Transport::scope == FutexScope::process) {
      // The caller is about to reuse or free its buffers: peers that are inside them come out first. New work is
      // refused since the failure was announced, so this takes no longer than one slice.
      for (int peer = 0; peer < size_; ++peer) {
        while (peer != rank_ && page_.rank(peer).counters.working.load() != 0) ::sched_yield();
      }
    }
    if (first) write_flight_records(page_, rank_, poison_);
  }

  /// Runs `work`, which reads or writes peers' buffers; false, without running it, when a rank has failed, because its
  /// buffers are its own again.
  template <class Work>
  bool work_on_peers(Work work) {
    const Working mark(own().counters.working);
    if (failure_seen()) return false;
    work();
    return true;
  }

  /// Says goodbye. Work that is still `pending` is a failure, which the peers are told.
  void leave(bool after_exception, std::uint64_t pending) {
    if (!transport_.is_owner()) return;
    if (!has_failed() && after_exception) abandon(concat("rank ", rank_, " ended with an exception"));
    if (!has_failed() && pending > 0) {
      abandon(concat("rank ", rank_, " left while ", pending, " of its operations were pending"));
    }
    if (!has_failed()) poison_ = concat(Transport::name, ": this rank has left the communicator");
    own().identity.state.store(RankState::left, std::memory_order_seq_cst);
    ring_bells(page_, rank_, Transport::scope);
  }

  /// Stores news where all peers look for it.
  void publish(std::atomic<std::uint64_t>& word, std::uint64_t value) {
    word.store(value, std::memory_order_seq_cst);
    ring_bells(page_, rank_, Transport::scope);
  }

  /// Stores news for one peer.
  void publish_to(int peer, std::atomic<std::uint64_t>& word, std::uint64_t value) {
    word.store(value, std::memory_order_seq_cst);
    ring_bell(page_, peer, Transport::scope);
  }

 private:
  /// Says, while it lives, that this rank is inside its peers' buffers. Processes need not know: they see memory of a
  /// mapping of their own.
  struct Working {
    explicit Working(std::atomic<std::uint32_t>& word) : flag(word) {
      if constexpr (Transport::scope == FutexScope::process) flag.store(1, std::memory_order_seq_cst);
    }
    Working(const Working&) = delete;
    Working& operator=(const Working&) = delete;
    ~Working() {
      if constexpr (Transport::scope == FutexScope::process) flag.store(0, std::memory_order_seq_cst);
    }
    std::atomic<std::uint32_t>& flag;
  };

  Transport transport_;
  ControlPage page_;
  int rank_;
  int size_;
  FlightRecorder recorder_;
  std::string poison_;
};

}  // namespace lockstep::detail
