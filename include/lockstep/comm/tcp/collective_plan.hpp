// How a rank goes about a call: the schedule that suits the links, and how long it looks for messages before it sleeps.
#pragma once

#include <lockstep/comm/call/call.hpp>
#include <lockstep/comm/schedule/make_schedule.hpp>
#include <lockstep/comm/schedule/ring_all_reduce.hpp>
#include <lockstep/core/dtype.hpp>

#include <cstddef>

namespace lockstep::detail {

struct CollectivePlan {
  LinkModel link = {};          ///< The same on all ranks.
  int spins = 0;                ///< Looks at the sockets before a sleep.
  bool canonical_order = true;  ///< Otherwise long sums may go around the ring; the same on all ranks.

  static constexpr std::size_t ring_from = std::size_t{1} << 20;  // bytes

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
