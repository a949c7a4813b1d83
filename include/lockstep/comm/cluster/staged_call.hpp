// A collective as a sequence of collectives inside the hosts and between them. The sequence depends on the call and the
// layout alone, so all ranks issue the parts in the same order; what they wait for in between does not change it.
#pragma once

#include <lockstep/comm/call/call.hpp>
#include <lockstep/comm/cluster/host_layout.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace lockstep::detail {

/// Which communicator carries a call: that of the host, that of the equal local ranks of all hosts, that of all ranks.
enum class Scope : std::uint8_t { local, across, world };
inline constexpr std::size_t scope_count = 3;

/// A part of a staged call.
struct StagedPart {
  Call call;
  Scope scope = Scope::local;
  bool taken = true;          ///< Whether this rank takes part.
  int needs = -1;             ///< The earlier part whose result this one works on, as an index; -1: none.
  std::byte* sums = nullptr;  ///< Sums that become means before this part carries them on; null: none.
};

/// What is the same for all calls of a rank.
struct StagePlan {
  HostLayout layout;
  int rank = 0;
  std::size_t small_bytes = 16 * 1024;             ///< Up to here one rank per host speaks for all.
  std::size_t chunk_bytes = std::size_t{1} << 20;  ///< Per local rank, in a round of the pipeline.

  int local_rank() const { return layout.local_rank_of(rank); }
  int host() const { return layout.host_of(rank); }
  int world_size() const { return layout.hosts * layout.local_size; }
};

/// all_reduce. Small: the host's ranks reduce to their first, the first ones all_reduce, each tells its host. Large: in
/// chunks, each local rank reduces its share inside the host, all_reduces it with its like on the other hosts, and
/// shares it with its host; while one chunk travels, the next is reduced. Parts, by index: for chunk c
/// reduce_scatter 3c, all_reduce 3c + 1, all_gather 3c + 2; then three for the elements that are left over.
class StagedAllReduce {
 public:
  StagedAllReduce(const Call& call, const StagePlan& plan) : call_(call), plan_(plan) {
    const auto ranks = static_cast<std::size_t>(plan.layout.local_size);
    const std::size_t elements = call.fingerprint.count;
    if (call.piece > plan.small_bytes) {
      share_ = std::max<std::size_t>(plan.chunk_bytes / call.element, 1);
      bulk_ = elements / ranks;  // elements of each rank's share, of all chunks
      chunks_ = (bulk_ + share_ - 1) / share_;
    }
    rest_ = elements - bulk_ * ranks;
  }

  int parts() const { return static_cast<int>(3 * chunks_) + 3; }

  /// The order in which parts are issued: the host's part of the next chunk before the wait for this one.
  int order(int turn) const {
    const int bulk = static_cast<int>(3 * chunks_);
    if (turn >= bulk) return turn;
    // rs(0) ar(0) | rs(1) ar(1) ag(0) | rs(2) ar(2) ag(1) | ... | ag(last)
    if (turn < 2) return turn;
    if (turn == bulk - 1) return bulk - 1;
    const int round = (turn - 2) / 3 + 1, phase = (turn - 2) % 3;
    return phase == 2 ? 3 * (round - 1) + 2 : 3 * round + phase;
  }

  StagedPart part(int index) const {
    return index < static_cast<int>(3 * chunks_) ? bulk_part(index) : rest_part(index);
  }

 private:
  StagedPart bulk_part(int index) const {
    const std::size_t chunk = static_cast<std::size_t>(index) / 3;
    const auto ranks = static_cast<std::size_t>(plan_.layout.local_size);
    const std::size_t first = chunk * share_, count = std::min(share_, bulk_ - first);
    std::byte* const base = call_.output + first * ranks * call_.element;
    std::byte* const own = base + static_cast<std::size_t>(plan_.local_rank()) * count * call_.element;
    StagedPart part{.call = call_, .needs = index % 3 == 0 ? -1 : index - 1};
    Call& call = part.call;
    call.fingerprint.count = count;
    call.fingerprint.reduction = without_mean();
    call.piece = count * call_.element;
    call.input = call.output = own;
    switch (index % 3) {
      case 0:
        call.fingerprint.collective = Collective::reduce_scatter;
        call.input = base;
        break;
      case 1:
        part.scope = Scope::across;
        break;
      default:
        call.fingerprint.collective = Collective::all_gather;
        call.fingerprint.reduction = Reduction::sum;
        call.output = base;
        part.sums = is_mean() ? own : nullptr;
    }
    return part;
  }

  StagedPart rest_part(int index) const {
    const int stage = index - static_cast<int>(3 * chunks_);
    const bool first = plan_.local_rank() == 0;
    StagedPart part{.call = call_, .taken = rest_ > 0, .needs = stage == 0 || (stage == 1 && !first) ? -1 : index - 1};
    Call& call = part.call;
    call.fingerprint.count = rest_;
    call.fingerprint.reduction = without_mean();
    call.piece = rest_ * call_.element;
    call.output = call_.output + (call_.fingerprint.count - rest_) * call_.element;
    call.input = call.output;
    switch (stage) {
      case 0:
        call.fingerprint.collective = Collective::reduce;
        break;
      case 1:
        part.scope = Scope::across;
        part.taken = part.taken && first;
        break;
      default:
        call.fingerprint.collective = Collective::broadcast;
        call.fingerprint.reduction = Reduction::sum;
        part.sums = is_mean() && first ? call.output : nullptr;
        if (!first) part.needs = -1;
    }
    return part;
  }

  bool is_mean() const { return call_.fingerprint.reduction == Reduction::mean; }
  Reduction without_mean() const { return is_mean() ? Reduction::sum : call_.fingerprint.reduction; }

  Call call_;
  StagePlan plan_;
  std::size_t share_ = 1, bulk_ = 0, chunks_ = 0, rest_ = 0;
};

/// broadcast: the root tells its like on the other hosts, each of these its host; chunk by chunk. Parts 2c and 2c + 1.
class StagedBroadcast {
 public:
  StagedBroadcast(const Call& call, const StagePlan& plan) : call_(call), plan_(plan) {
    share_ = std::max<std::size_t>(plan.chunk_bytes / call.element, 1);
    chunks_ = std::max<std::size_t>((call.fingerprint.count + share_ - 1) / share_, 1);
  }

  int parts() const { return static_cast<int>(2 * chunks_); }

  /// across(0) | across(1) local(0) | across(2) local(1) | ... | local(last)
  int order(int turn) const {
    if (turn == 0 || turn == parts() - 1) return turn;
    return turn % 2 == 1 ? turn + 1 : turn - 1;
  }

  StagedPart part(int index) const {
    const std::size_t first = static_cast<std::size_t>(index) / 2 * share_;
    const std::size_t count = std::min(share_, call_.fingerprint.count - first);
    const int root = call_.fingerprint.root, teller = plan_.layout.local_rank_of(root);
    const bool tells = plan_.local_rank() == teller;
    StagedPart part{.call = call_};
    part.call.fingerprint.count = count;
    part.call.piece = count * call_.element;
    part.call.output = call_.output + first * call_.element;
    part.call.input = part.call.output;
    if (index % 2 == 0) {
      part.scope = Scope::across;
      part.taken = tells;
      part.call.fingerprint.root = static_cast<std::uint16_t>(plan_.layout.host_of(root));
    } else {
      part.needs = tells ? index - 1 : -1;
      part.call.fingerprint.root = static_cast<std::uint16_t>(teller);
    }
    return part;
  }

 private:
  Call call_;
  StagePlan plan_;
  std::size_t share_ = 1, chunks_ = 1;
};

/// barrier: the host gathers at its first rank, the first ones meet, the host goes on.
class StagedBarrier {
 public:
  StagedBarrier(const Call& call, const StagePlan& plan) : call_(call), first_(plan.local_rank() == 0) {}

  int parts() const { return 3; }
  int order(int turn) const { return turn; }
  StagedPart part(int index) const {
    StagedPart part{.call = call_};
    if (index == 1) {
      part.scope = Scope::across;
      part.taken = first_;
    }
    part.needs = first_ ? index - 1 : -1;
    return part;
  }

 private:
  Call call_;
  bool first_;
};

/// Any of them.
class StagedCall {
  template <class Function>
  auto visit(Function function) const {
    switch (call_.fingerprint.collective) {
      case Collective::all_reduce:
        return function(StagedAllReduce(call_, plan_));
      case Collective::broadcast:
        return function(StagedBroadcast(call_, plan_));
      default:
        return function(StagedBarrier(call_, plan_));
    }
  }

 public:
  StagedCall() = default;
  StagedCall(const Call& call, const StagePlan& plan) : call_(call), plan_(plan) {}

  static bool can_stage(const Call& call, const HostLayout& layout) {
    switch (call.fingerprint.collective) {
      case Collective::all_reduce:  // 16-bit sums travel between hosts as inputs, not as rounded partial sums
        return layout.nests() && size_of(call.fingerprint.dtype) != 2;
      case Collective::broadcast:
      case Collective::barrier:
        return layout.regular;
      default:
        return false;
    }
  }

  const Call& call() const { return call_; }
  int parts() const {
    return visit([](const auto& staged) { return staged.parts(); });
  }
  StagedPart part_in_turn(int turn, int& index) const {
    return visit([&](const auto& staged) { return staged.part(index = staged.order(turn)); });
  }

 private:
  Call call_;
  StagePlan plan_;
};

}  // namespace lockstep::detail
