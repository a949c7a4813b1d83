// What the ranks of a host called last, and when: kept at all times, and readable after the death of the caller.
#pragma once

#include <lockstep/comm/call/fingerprint.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/concat.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/on_demand.hpp>

#include <cstdint>
#include <cstdio>
#include <span>
#include <string>

namespace lockstep {

/// One call in the record of a rank. Times are on the monotonic clock and good to a microsecond or so; a call that met
/// its peers at once finishes at the moment of its start.
struct FlightEntry {
  detail::Fingerprint call = {};  ///< `to_string` makes it readable.
  std::uint64_t number = 0;       ///< Of the collectives, or of the messages to or from one peer; from 0.
  bool finished = false;          ///< The buffers were the caller's again.
  Deadline::Clock::time_point start = {};
  Deadline::Clock::time_point finish = {};  ///< If finished.
};

/// A line for each call, as in "  -0.051702 s  took 0.000012 s  all_reduce<float32>(524288, sum) #17"; starts are
/// relative to `now`.
LOCKSTEP_ON_DEMAND std::string to_string(std::span<const FlightEntry> record,
                                         Deadline::Clock::time_point now = Deadline::Clock::now()) {
  const auto seconds = [](Deadline::Clock::duration time) { return std::chrono::duration<double>(time).count(); };
  std::string text;
  for (const FlightEntry& entry : record) {
    char times[64];
    if (entry.finished) {
      std::snprintf(times, sizeof times, "%12.6f s  took %.6f s  ", seconds(entry.start - now),
                    seconds(entry.finish - entry.start));
    } else {
      std::snprintf(times, sizeof times, "%12.6f s  not finished     ", seconds(entry.start - now));
    }
    text += concat(times, to_string(entry.call), " #", entry.number + 1, "\n");
  }
  return text;
}

}  // namespace lockstep
