// The all_gather of equal or ragged pieces: everyone ends with all pieces, in rank order.
#pragma once

#include <lockstep/comm/schedule/collective_part.hpp>
#include <lockstep/comm/schedule/dissemination.hpp>
#include <lockstep/comm/schedule/schedule.hpp>

#include <cstdint>
#include <span>

namespace lockstep::detail {

/// Where pieces begin in the output: equal ones of `count` elements, or `counts[rank]` elements each.
struct PieceLayout {
  std::uint64_t count = 0;
  std::span<const std::int64_t> counts = {};

  constexpr std::uint64_t operator()(int piece) const {
    if (counts.empty()) return count * static_cast<std::uint64_t>(piece);
    std::uint64_t begin = 0;
    for (int i = 0; i < piece; ++i) begin += static_cast<std::uint64_t>(counts[static_cast<std::size_t>(i)]);
    return begin;
  }
};

enum class AllGather : std::uint8_t {
  direct,    ///< alpha + (size - 1) overhead + (size - 1)/size N beta
  doubling,  ///< ceil(log2 size) alpha + (size - 1)/size N beta
  ring,      ///< (size - 1) alpha + (size - 1)/size N beta, between neighbours only
};

inline void all_gather(const CollectivePart& part, const PieceLayout& begin, AllGather algorithm,
                       MessageSchedule& schedule) {
  const auto same = [](int member) { return member; };
  switch (algorithm) {
    case AllGather::direct:
      direct_all_gather(part.size, part.rank, input_at(0), begin, same, schedule);
      break;
    case AllGather::doubling:
      doubling_all_gather(part.size, part.rank, input_at(0), begin, same, schedule);
      break;
    case AllGather::ring:
      ring_all_gather(part.size, part.rank, input_at(0), begin, same, schedule);
      break;
  }
}

}  // namespace lockstep::detail
