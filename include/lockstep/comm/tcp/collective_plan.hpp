// How a rank goes about a call: the schedule that suits the links, and how long it looks for messages before it sleeps.
#pragma once

#include <lockstep/comm/call/call.hpp>
#include <lockstep/comm/schedule/make_schedule.hpp>
#include <lockstep/comm/schedule/ring_all_reduce.hpp>
#include <lockstep/core/dtype.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace lockstep::detail {

struct CollectivePlan {
  LinkModel link = {};          ///< The same on all ranks.
  int spins = 0;                ///< Looks at the sockets before a sleep.
  bool canonical_order = true;  ///< Otherwise long sums may go around the ring; the same on all ranks.

  static constexpr std::size_t ring_from = 256 * 1024;  // bytes, of a round

  /// Elements of a long sum that go at a time. What is on its way then stays in the caches, on both sides of the
  /// kernel's copies: over loopback sums of 4 MiB and more take half the time, those of 256 MiB less. Rounds of 256 KiB
  /// to 1 MiB measured alike. A round is long against what starting its steps costs, so a distant peer makes rounds
  /// longer.
  std::uint64_t round_count(const Call& call) const {
    if (call.fingerprint.collective != Collective::all_reduce) return call.fingerprint.count;
    constexpr std::uint64_t shortest = 512 * 1024, times = 40, nearby = LinkModel{}.alpha();
    const std::uint64_t flight = std::max(link.alpha(), nearby) - nearby;  // beyond what a step costs on one host
    const std::uint64_t distant = times * flight / std::max<std::uint64_t>(link.beta_picoseconds_per_byte, 1);
    return std::max(shortest, distant) / 64 * 64 / call.element;
  }

  void write(const Call& call, int rank, int size, MessageSchedule& schedule) const {
    Fingerprint fingerprint = call.fingerprint;
    if (fingerprint.collective == Collective::allocate) {  // ranks tell each other whether they have the memory
      fingerprint.collective = Collective::all_gather;
      fingerprint.count = call.piece / call.element;
    }
    const CollectivePart part{
        .rank = rank,
        .size = size,
        .count = fingerprint.count,
        .element = call.element,
        .root = fingerprint.root,
        .one_pass = is_reduction(fingerprint.collective) && accumulates_wider(fingerprint.dtype),
    };
    if (!canonical_order && fingerprint.collective == Collective::all_reduce && !part.one_pass && size > 2 &&
        part.bytes() >= ring_from) {
      schedule.clear();
      ring_all_reduce(part, schedule);
      schedule.finish();
    } else {
      make_schedule(fingerprint.collective, part, call.counts, link, schedule);
    }
  }

 private:
  static constexpr bool accumulates_wider(DType type) { return type == DType::float16 || type == DType::bfloat16; }
};

}  // namespace lockstep::detail
