// The operations of one rank, in order. Each has a number: a rank posts its input in the operation's slot, does its
// share of the work when all ranks have posted, and has its buffers back when all ranks have worked. Nothing here
// waits.
#pragma once

#include <lockstep/comm/host/combine.hpp>
#include <lockstep/comm/host/control_page.hpp>
#include <lockstep/comm/host/failure.hpp>
#include <lockstep/comm/host/member.hpp>
#include <lockstep/comm/host/operation.hpp>
#include <lockstep/core/concat.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lockstep::detail {

template <HostTransport Transport>
class OperationQueue {
 public:
  explicit OperationQueue(Member<Transport>& member)
      : member_(member),
        page_(member.page()),
        rank_(member.rank()),
        size_(member.size()),
        pointers_(static_cast<std::size_t>(member.size())) {}
  OperationQueue(const OperationQueue&) = delete;
  OperationQueue& operator=(const OperationQueue&) = delete;

  std::uint64_t started() const { return started_; }      ///< Operations posted by this rank.
  std::uint64_t completed() const { return completed_; }  ///< Of these, those whose buffers are the caller's again.
  std::uint64_t events() const { return events_; }        ///< Counts every step forward.

  /// Whether one more operation may be posted: its slot is free when every rank has worked on what was there.
  bool has_free_slot() {
    if (started_ - freed_ < slot_count) return true;
    freed_ = completed_;
    for (int peer = 0; peer < size_; ++peer) {
      freed_ = std::min(freed_, page_.rank(peer).counters.finished.load());
    }
    return started_ - freed_ < slot_count;
  }

  /// Tells the peers what is called and where the input is; returns the operation's number. Needs a free slot.
  std::uint64_t post(const Call& call) {
    const std::uint64_t number = started_;
    Operation& operation = operations_[number % slot_count] = Operation(call, size_, page_.staging_bytes() / 2);
    CallSlot& slot = page_.slot(rank_, number);
    slot.fingerprint.store(call.fingerprint.packed(), std::memory_order_relaxed);
    // A small operation leaves the slot's second line alone, so that peers have one line less to wait for.
    if (has_detail(operation)) slot.detail = hash_of(call.counts);
    if (!operation.small()) slot.location = {};
    if (operation.has_source(rank_)) {
      const std::size_t bytes = call.piece * operation.regions(size_);
      if (operation.small()) {
        copy_bytes(payload(rank_, operation, number), call.input, bytes);
      } else {
        if (bytes > 0) slot.location = member_.transport().locate(call.input, bytes);
        // The first round can be staged at once if nothing else is being staged.
        if (slot.location.space == Location::staged && worked_ == number) {
          fill(operation, 0);
          page_.rank(rank_).counters.staged.store(staged_, std::memory_order_release);
        }
      }
    }
    ++started_;
    member_.publish(slot.sequence, number + 1);
    operation.record = member_.recorder().begin(call.fingerprint.packed(), number);  // peers are at work already
    return number;
  }

  /// Does all that can be done now; returns whether anything moved.
  bool advance() {
    const std::uint64_t before = events_;
    while (worked_ < started_ && step(operations_[worked_ % slot_count])) {}
    while (completed_ < worked_ && is_complete(completed_)) {
      member_.recorder().finish(operations_[completed_ % slot_count].record);
      ++completed_;
      ++events_;
    }
    return events_ != before;
  }

  /// Whether the present wait is for this rank.
  bool lags(int peer) const {
    const RankControl& control = page_.rank(peer);
    if (worked_ < started_) {
      const Operation& operation = operations_[worked_ % slot_count];
      if (operation.phase == Phase::posted) return page_.slot(peer, worked_).sequence.load() != worked_ + 1;
      const auto& counter = operation.phase == Phase::filling ? control.counters.staged : control.counters.reduced;
      return counter.load() <= first_round_ + operation.round;
    }
    if (completed_ < worked_) return control.counters.finished.load() <= completed_;
    return control.counters.finished.load() < worked_;
  }

  /// The oldest call that is not complete, or the last one.
  std::string current_call() const {
    if (started_ == 0) return {};
    const std::uint64_t number = completed_ < started_ ? completed_ : started_ - 1;
    return describe_call(page_, rank_, number);
  }

 private:
  bool is_complete(std::uint64_t number) {
    if (operations_[number % slot_count].path != Path::direct) return true;
    return everyone(finishers_, [&](int peer) { return page_.rank(peer).counters.finished.load() > number; });
  }

  /// True when this rank has done its work on the operation.
  bool step(Operation& operation) {
    const std::uint64_t number = worked_;
    if (operation.phase == Phase::posted) {
      if (!everyone(arrivals_, [&](int peer) { return page_.slot(peer, number).sequence.load() == number + 1; })) {
        return false;
      }
      ++events_;
      compare(operation, number);
      if (!operation.small()) choose_path(operation, number);
      if (operation.small()) {
        combine_payloads(operation, number);
        return conclude();
      }
      if (operation.path == Path::direct) {
        work_on_buffers(operation, number);
        member_.recorder().look_at_clock();
        return conclude();
      }
      operation.phase = Phase::filling;
    }
    for (;;) {
      const std::uint64_t round = first_round_ + operation.round;
      if (operation.phase == Phase::filling) {
        if (staged_ == round) {
          fill(operation, operation.round);
          member_.publish(page_.rank(rank_).counters.staged, staged_);
        }
        if (!everyone(arrivals_, [&](int peer) { return page_.rank(peer).counters.staged.load() > round; }))
          return false;
        ++events_;
        combine_round(operation, number);
        member_.publish(page_.rank(rank_).counters.reduced, round + 1);
        operation.phase = Phase::draining;
        if (operation.round + 1 < operation.rounds()) {  // prepare the next round while peers work on this one
          fill(operation, operation.round + 1);
          member_.publish(page_.rank(rank_).counters.staged, staged_);
        }
      }
      if (!everyone(arrivals_, [&](int peer) { return page_.rank(peer).counters.reduced.load() > round; }))
        return false;
      ++events_;
      drain(operation, number);
      operation.phase = Phase::filling;
      if (++operation.round == operation.rounds()) {
        first_round_ += operation.round;
        member_.recorder().look_at_clock();
        return conclude();
      }
    }
  }

  bool conclude() {
    ++worked_;
    ++events_;
    member_.publish(page_.rank(rank_).counters.finished, worked_);
    return true;
  }

  /// Whether `has(rank)` is true for all ranks; `known` remembers how many were found so far.
  template <class Has>
  bool everyone(int& known, Has has) {
    while (known < size_ && has(known)) ++known;
    if (known < size_) return false;
    known = 0;
    return true;
  }

  void compare(const Operation& operation, std::uint64_t number) {
    const std::uint64_t own = operation.call.fingerprint.packed();
    for (int peer = 0; peer < size_; ++peer) {
      const CallSlot& slot = page_.slot(peer, number);
      if (slot.fingerprint.load(std::memory_order_relaxed) != own) member_.fail(describe_mismatch(page_, number));
      if (has_detail(operation) && slot.detail != page_.slot(rank_, number).detail) {
        member_.fail(concat("the ranks disagree about the counts of ", describe_call(page_, rank_, number), ": ",
                            describe_rank(page_, peer), " was given other counts than rank ", rank_));
      }
    }
  }

  void choose_path(Operation& operation, std::uint64_t number) {
    for (int peer = 0; peer < size_; ++peer) {
      if (operation.has_source(peer) && page_.slot(peer, number).location.space == Location::staged) {
        operation.path = Path::staged;
      }
    }
  }

  std::byte* payload(int rank, const Operation& operation, std::uint64_t number) {
    RankControl& control = page_.rank(rank);
    const std::uint64_t slot = number % slot_count;
    return operation.path == Path::tiny ? control.slots[slot].payload : control.payloads[slot];
  }

  void combine_payloads(const Operation& operation, std::uint64_t number) {
    const std::size_t begin = own_region(operation) * operation.call.piece;
    combine(operation, 0, operation.longest, true, [&](int peer) { return payload(peer, operation, number) + begin; });
  }

  /// All ranks' buffers can be reached: one round over the whole length.
  void work_on_buffers(const Operation& operation, std::uint64_t number) {
    const std::size_t begin = own_region(operation) * operation.call.piece;
    const bool done = member_.work_on_peers([&] {
      combine(operation, 0, operation.longest, false,
              [&](int peer) { return buffer(operation, number, peer) + begin; });
    });
    if (!done) member_.fail_with_group(current_call());
  }

  void combine_round(const Operation& operation, std::uint64_t number) {
    const std::size_t offset = operation.round * operation.chunk;
    const std::size_t length = std::min(operation.chunk, operation.longest - offset);
    const std::size_t region = own_region(operation);
    combine(operation, offset, length, false, [&](int peer) {
      if (peer == rank_) return own_input(operation) + region * operation.call.piece + offset;
      return page_.slot(peer, number).location.space == Location::staged
                 ? page_.staging(peer, first_round_ + operation.round) + region * operation.chunk
                 : buffer(operation, number, peer) + region * operation.call.piece + offset;
    });
  }

  /// This rank's input, where it combines for itself. Only all_reduce writes there, and there it is the output, too.
  static std::byte* own_input(const Operation& operation) { return const_cast<std::byte*>(operation.call.input); }

  /// The piece of the inputs that this rank works on.
  std::size_t own_region(const Operation& operation) const {
    return operation.regions(size_) > 1 ? static_cast<std::size_t>(rank_) : 0;
  }

  template <class Source>
  void combine(const Operation& operation, std::size_t offset, std::size_t length, bool alone, Source source) {
    combine_range(operation, rank_, size_, pointers_, offset, length, alone, source);
  }

  std::byte* buffer(const Operation& operation, std::uint64_t number, int peer) {
    const std::size_t bytes = operation.piece_of(peer) * operation.regions(size_);
    std::byte* address = member_.transport().reach(peer, page_.slot(peer, number).location, bytes);
    if (address == nullptr && bytes > 0) {
      member_.fail(concat("in ", describe_call(page_, rank_, number), " ", describe_rank(page_, peer),
                          " uses memory from allocate() that rank ", rank_,
                          " has released; keep memory until no rank uses it in a collective"));
    }
    return address;
  }

  /// Copies what peers need of this round of a buffer that they cannot reach to where they can; counts the round as
  /// staged in any case.
  void fill(const Operation& operation, std::uint64_t round) {
    if (operation.has_source(rank_) && page_.slot(rank_, worked_).location.space == Location::staged) {
      std::byte* to = page_.staging(rank_, staged_);
      const std::byte* from = operation.call.input + round * operation.chunk;
      const std::size_t bytes = operation.passing(rank_, round);
      if (operation.collective() == Collective::all_reduce) {
        copy_others_shares(to, from, bytes);
      } else {
        for (std::size_t region = 0; region < operation.regions(size_); ++region) {
          if (operation.regions(size_) > 1 && region == static_cast<std::size_t>(rank_)) continue;
          copy_bytes(to + region * operation.chunk, from + region * operation.call.piece, bytes);
        }
      }
    }
    ++staged_;
  }

  void drain(const Operation& operation, std::uint64_t number) {
    if (operation.collective() != Collective::all_reduce) return;
    if (page_.slot(rank_, number).location.space != Location::staged) return;
    copy_others_shares(operation.call.output + operation.round * operation.chunk,
                       page_.staging(rank_, first_round_ + operation.round), operation.passing(rank_, operation.round));
  }

  /// Its own share of an all_reduce a rank combines where the user has it.
  void copy_others_shares(std::byte* to, const std::byte* from, std::size_t bytes) const {
    const std::size_t begin = share_begin(bytes, rank_, size_), end = share_begin(bytes, rank_ + 1, size_);
    copy_bytes(to, from, begin);
    copy_bytes(to + end, from + end, bytes - end);
  }

  static bool has_detail(const Operation& operation) { return operation.collective() == Collective::all_gather_ragged; }

  static std::uint64_t hash_of(std::span<const std::int64_t> counts) {
    std::uint64_t hash = 0;
    for (const std::int64_t count : counts) hash = (hash ^ static_cast<std::uint64_t>(count)) * 0x9e3779b97f4a7c15U + 1;
    return hash;
  }

  Member<Transport>& member_;
  ControlPage page_;
  int rank_;
  int size_;
  std::array<Operation, slot_count> operations_;
  std::uint64_t started_ = 0;
  std::uint64_t worked_ = 0;  // operations in which this rank has done its work
  std::uint64_t completed_ = 0;
  std::uint64_t freed_ = 0;        // operations in which every rank has worked, as far as is known
  std::uint64_t first_round_ = 0;  // staging rounds of all earlier operations
  std::uint64_t staged_ = 0;       // staging rounds that this rank has filled
  std::uint64_t events_ = 0;
  int arrivals_ = 0;   // ranks found so far for the step that is next
  int finishers_ = 0;  // ranks found so far to have finished the oldest operation
  std::vector<std::byte*> pointers_;
};

}  // namespace lockstep::detail
