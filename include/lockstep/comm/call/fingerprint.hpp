// What a rank says it is calling, in one word: ranks compare these words before they touch each other's data.
#pragma once

#include <lockstep/comm/reduction.hpp>
#include <lockstep/core/concat.hpp>
#include <lockstep/core/dtype.hpp>
#include <lockstep/core/on_demand.hpp>

#include <cstdint>
#include <string>

namespace lockstep::detail {

enum class Collective : std::uint8_t {
  none,
  all_reduce,
  reduce_scatter,
  all_gather,
  all_gather_ragged,
  broadcast,
  barrier,
  allocate,
  reduce,
  gather,
  scatter,
  all_to_all,
  send,
  receive,
};

constexpr const char* to_string(Collective collective) {
  switch (collective) {
    case Collective::none:
      return "nothing";
    case Collective::all_reduce:
      return "all_reduce";
    case Collective::reduce_scatter:
      return "reduce_scatter";
    case Collective::all_gather:
      return "all_gather";
    case Collective::all_gather_ragged:
      return "all_gather_ragged";
    case Collective::broadcast:
      return "broadcast";
    case Collective::barrier:
      return "barrier";
    case Collective::allocate:
      return "allocate";
    case Collective::reduce:
      return "reduce";
    case Collective::gather:
      return "gather";
    case Collective::scatter:
      return "scatter";
    case Collective::all_to_all:
      return "all_to_all";
    case Collective::send:
      return "send";
    case Collective::receive:
      return "receive";
  }
  return "unknown";
}

/// Whether elements of several ranks are combined.
constexpr bool is_reduction(Collective collective) {
  return collective == Collective::all_reduce || collective == Collective::reduce ||
         collective == Collective::reduce_scatter;
}

/// Whether two ranks alone take part.
constexpr bool is_point_to_point(Collective collective) {
  return collective == Collective::send || collective == Collective::receive;
}

inline constexpr int max_ranks = 1 << 12;

/// The call, packed without loss: 5 bits of collective, 4 of dtype, 3 of reduction, 12 of root (for send and receive:
/// the peer), 40 of element count.
struct Fingerprint {
  Collective collective = Collective::none;
  DType dtype = DType::uint8;
  Reduction reduction = Reduction::sum;
  std::uint16_t root = 0;
  std::uint64_t count = 0;

  static constexpr std::uint64_t max_count = (std::uint64_t{1} << 40) - 1;

  constexpr std::uint64_t packed() const {
    return static_cast<std::uint64_t>(collective) | static_cast<std::uint64_t>(dtype) << 5 |
           static_cast<std::uint64_t>(reduction) << 9 | std::uint64_t{root} << 12 | count << 24;
  }

  static constexpr Fingerprint unpack(std::uint64_t word) {
    return {static_cast<Collective>(word & 31), static_cast<DType>(word >> 5 & 15),
            static_cast<Reduction>(word >> 9 & 7), static_cast<std::uint16_t>(word >> 12 & 4095), word >> 24};
  }
};

/// As in "all_reduce<float32>(524288, sum)".
LOCKSTEP_ON_DEMAND std::string to_string(const Fingerprint& call) {
  switch (call.collective) {
    case Collective::none:
      return "nothing";
    case Collective::barrier:
      return "barrier()";
    case Collective::allocate:
      return concat("allocate(", call.count, " bytes)");
    case Collective::all_reduce:
    case Collective::reduce_scatter:
      return concat(to_string(call.collective), "<", call.dtype, ">(", call.count, ", ", call.reduction, ")");
    case Collective::reduce:
      return concat("reduce<", call.dtype, ">(", call.count, ", root ", int{call.root}, ", ", call.reduction, ")");
    case Collective::broadcast:
    case Collective::gather:
    case Collective::scatter:
      return concat(to_string(call.collective), "<", call.dtype, ">(", call.count, ", root ", int{call.root}, ")");
    case Collective::send:
      return concat("send<", call.dtype, ">(", call.count, ", to ", int{call.root}, ")");
    case Collective::receive:
      return concat("receive<", call.dtype, ">(", call.count, ", from ", int{call.root}, ")");
    default:
      return concat(to_string(call.collective), "<", call.dtype, ">(", call.count, ")");
  }
}

}  // namespace lockstep::detail
