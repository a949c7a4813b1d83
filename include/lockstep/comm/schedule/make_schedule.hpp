// The one function that engines call: a collective's schedule by the algorithm that suits it.
#pragma once

#include <lockstep/comm/call/fingerprint.hpp>
#include <lockstep/comm/schedule/all_gather.hpp>
#include <lockstep/comm/schedule/all_to_all.hpp>
#include <lockstep/comm/schedule/barrier.hpp>
#include <lockstep/comm/schedule/broadcast.hpp>
#include <lockstep/comm/schedule/choose.hpp>
#include <lockstep/comm/schedule/collective_part.hpp>
#include <lockstep/comm/schedule/direct_all_reduce.hpp>
#include <lockstep/comm/schedule/gather.hpp>
#include <lockstep/comm/schedule/link_model.hpp>
#include <lockstep/comm/schedule/recursive_exchange.hpp>
#include <lockstep/comm/schedule/reduce.hpp>
#include <lockstep/comm/schedule/reduce_scatter.hpp>
#include <lockstep/comm/schedule/schedule.hpp>
#include <lockstep/comm/schedule/sliced_all_reduce.hpp>
#include <lockstep/core/on_demand.hpp>

#include <cstdint>
#include <span>

namespace lockstep::detail {

LOCKSTEP_ON_DEMAND void make_all_reduce(const CollectivePart& part, const Choice& choice, MessageSchedule& schedule) {
  switch (choice.algorithm) {
    case Algorithm::direct:
      return direct_all_reduce(part, schedule);
    case Algorithm::recursive:
      return halved_recursive_all_reduce(part, choice.parameter, choice.radix, schedule);
    case Algorithm::tree: {
      CollectivePart to_first = part;
      to_first.root = 0;
      tree_reduce(to_first, output_at(0), schedule);
      return binomial_broadcast(to_first, schedule);
    }
    default:
      return sliced_all_reduce(part, choice.parameter, schedule);
  }
}

LOCKSTEP_ON_DEMAND void make_broadcast(const CollectivePart& part, const Choice& choice, MessageSchedule& schedule) {
  switch (choice.algorithm) {
    case Algorithm::chain:
      return chain_broadcast(part, choice.parameter, schedule);
    case Algorithm::scatter_all_gather:
      return scatter_all_gather_broadcast(part, schedule);
    default:
      return binomial_broadcast(part, schedule);
  }
}

/// The algorithm for a collective, the same on all ranks.
LOCKSTEP_ON_DEMAND Choice choose_algorithm(Collective collective, const CollectivePart& part,
                                           std::span<const std::int64_t> counts, const LinkModel& link) {
  switch (collective) {
    case Collective::all_reduce:
      return choose_all_reduce(part, link);
    case Collective::reduce_scatter:
      return choose_reduce_scatter(part, link);
    case Collective::all_gather:
    case Collective::all_gather_ragged:
      return choose_all_gather(part, link, PieceLayout{part.count, counts}(part.size) * part.element);
    case Collective::broadcast:
      return choose_broadcast(part, link);
    case Collective::reduce:
      return choose_reduce(part, link);
    case Collective::gather:
    case Collective::scatter:
      return choose_gather(part, link);
    case Collective::all_to_all:
      return choose_all_to_all(part, link);
    case Collective::barrier:
      return {Algorithm::dissemination, 0, height_of(part) * link.alpha()};
    default:
      return {};
  }
}

/// The schedule of one rank by the algorithm of `choice`; `counts` are those of all_gather_ragged. Point-to-point calls
/// and `allocate` have none.
LOCKSTEP_ON_DEMAND void write_schedule(Collective collective, const CollectivePart& part,
                                       std::span<const std::int64_t> counts, const Choice& choice,
                                       MessageSchedule& schedule) {
  const bool direct = choice.algorithm == Algorithm::direct;
  schedule.clear();
  switch (collective) {
    case Collective::all_reduce:
      make_all_reduce(part, choice, schedule);
      break;
    case Collective::reduce_scatter:
      sliced_reduce_scatter(part, choice.parameter, schedule);
      break;
    case Collective::all_gather:
    case Collective::all_gather_ragged:
      all_gather(part, {part.count, counts}, direct ? AllGather::direct : AllGather::doubling, schedule);
      break;
    case Collective::broadcast:
      make_broadcast(part, choice, schedule);
      break;
    case Collective::barrier:
      dissemination_barrier(part, schedule);
      break;
    case Collective::reduce:
      if (choice.algorithm == Algorithm::tree) {
        tree_reduce(part, input_at(0), schedule);
      } else {
        sliced_reduce(part, choice.parameter, schedule);
      }
      break;
    case Collective::gather:
      direct ? direct_gather(part, schedule) : binomial_gather(part, schedule);
      break;
    case Collective::scatter:
      direct ? direct_scatter(part, schedule) : binomial_scatter(part, schedule);
      break;
    case Collective::all_to_all:
      direct ? direct_all_to_all(part, schedule) : disseminating_all_to_all(part, schedule);
      break;
    case Collective::none:
    case Collective::allocate:
    case Collective::send:
    case Collective::receive:
      break;
  }
  schedule.finish();
}

/// The schedule of one rank for a collective, by the algorithm that suits it.
LOCKSTEP_ON_DEMAND void make_schedule(Collective collective, const CollectivePart& part,
                                      std::span<const std::int64_t> counts, const LinkModel& link,
                                      MessageSchedule& schedule) {
  write_schedule(collective, part, counts, choose_algorithm(collective, part, counts, link), schedule);
}

}  // namespace lockstep::detail
