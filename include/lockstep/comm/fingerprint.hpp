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
  }
  return "unknown";
}

/// The call, packed without loss: 4 bits of collective, dtype and reduction each, 8 of root, 44 of element count.
struct Fingerprint {
  Collective collective = Collective::none;
  DType dtype = DType::uint8;
  Reduction reduction = Reduction::sum;
  std::uint8_t root = 0;
  std::uint64_t count = 0;

  static constexpr std::uint64_t max_count = (std::uint64_t{1} << 44) - 1;

  constexpr std::uint64_t packed() const {
    return static_cast<std::uint64_t>(collective) | static_cast<std::uint64_t>(dtype) << 4 |
           static_cast<std::uint64_t>(reduction) << 8 | std::uint64_t{root} << 12 | count << 20;
  }

  static constexpr Fingerprint unpack(std::uint64_t word) {
    return {static_cast<Collective>(word & 15), static_cast<DType>(word >> 4 & 15),
            static_cast<Reduction>(word >> 8 & 15), static_cast<std::uint8_t>(word >> 12 & 255), word >> 20};
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
    case Collective::broadcast:
      return concat("broadcast<", call.dtype, ">(", call.count, ", root ", int{call.root}, ")");
    default:
      return concat(to_string(call.collective), "<", call.dtype, ">(", call.count, ")");
  }
}

}  // namespace lockstep::detail
