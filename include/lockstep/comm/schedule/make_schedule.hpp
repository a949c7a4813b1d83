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
#include <lockstep/comm/schedule/recursive_doubling.hpp>
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
    case Algorithm::recursive_doubling:
      return recursive_doubling_all_reduce(part, schedule);
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

/// The schedule of one rank for a collective; `counts` are those of all_gather_ragged. Point-to-point calls and
/// `allocate` have none.
LOCKSTEP_ON_DEMAND void make_schedule(Collective collective, const CollectivePart& part,
                                      std::span<const std::int64_t> counts, const LinkModel& link,
                                      MessageSchedule& schedule) {
  schedule.clear();
  switch (collective) {
    case Collective::all_reduce:
      make_all_reduce(part, choose_all_reduce(part, link), schedule);
      break;
    case Collective::reduce_scatter:
      sliced_reduce_scatter(part, choose_reduce_scatter(part, link).parameter, schedule);
      break;
    case Collective::all_gather:
    case Collective::all_gather_ragged: {
      const PieceLayout layout{part.count, counts};
      const Choice choice = choose_all_gather(part, link, layout(part.size) * part.element);
      const bool direct = choice.algorithm == Algorithm::direct;
      all_gather(part, layout, direct ? AllGather::direct : AllGather::dissemination, schedule);
      break;
    }
    case Collective::broadcast:
      make_broadcast(part, choose_broadcast(part, link), schedule);
      break;
    case Collective::barrier:
      dissemination_barrier(part, schedule);
      break;
    case Collective::reduce: {
      const Choice choice = choose_reduce(part, link);
      if (choice.algorithm == Algorithm::tree) {
        tree_reduce(part, input_at(0), schedule);
      } else {
        sliced_reduce(part, choice.parameter, schedule);
      }
      break;
    }
    case Collective::gather:
      choose_gather(part, link).algorithm == Algorithm::direct ? direct_gather(part, schedule)
                                                               : binomial_gather(part, schedule);
      break;
    case Collective::scatter:
      choose_gather(part, link).algorithm == Algorithm::direct ? direct_scatter(part, schedule)
                                                               : binomial_scatter(part, schedule);
      break;
    case Collective::all_to_all:
      direct_all_to_all(part, schedule);
      break;
    case Collective::none:
    case Collective::allocate:
    case Collective::send:
    case Collective::receive:
      break;
  }
  schedule.finish();
}

}  // namespace lockstep::detail
