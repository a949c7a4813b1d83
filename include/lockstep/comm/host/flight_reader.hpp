// Reading the ranks' records, and leaving them in files when a rank fails.
#pragma once

#include <lockstep/comm/flight_record.hpp>
#include <lockstep/comm/host/control_page.hpp>
#include <lockstep/comm/host/flight_recorder.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

namespace lockstep::detail {

/// The last calls of a rank, oldest first, whatever has become of it. One more call may have begun while this looked.
LOCKSTEP_ON_DEMAND std::vector<FlightEntry> read_flight_record(const ControlPage& page, int rank) {
  if (rank < 0 || rank >= page.size()) {
    throw ArgumentError(concat("flight_record: rank is ", rank, "; the ranks are 0 to ", page.size() - 1));
  }
  const FlightLog& log = page.rank(rank).flight;
  const TickMoment first = page.group().begin, last = TickMoment::now();
  const auto moment_of = [&](std::uint64_t ticks) {  // on the line through the two moments
    const double passed = static_cast<double>(static_cast<std::int64_t>(ticks - first.ticks)) *
                          static_cast<double>(last.nanoseconds - first.nanoseconds) /
                          static_cast<double>(std::max<std::uint64_t>(last.ticks - first.ticks, 1));
    return Deadline::Clock::time_point(std::chrono::duration_cast<Deadline::Clock::duration>(
        std::chrono::nanoseconds(first.nanoseconds + static_cast<std::int64_t>(passed))));
  };
  const std::uint64_t end = log.count.load(std::memory_order_acquire);
  const std::uint64_t begin = end - std::min(end, flight_entries);
  std::vector<FlightEntry> record;
  for (std::uint64_t place = begin; place < end; ++place) {
    const FlightLog::Entry& entry = log.entries[place % flight_entries];
    // Acquired, so that the look at the count below comes after all of them.
    const std::uint64_t start = entry.start.load(std::memory_order_acquire);
    const std::uint64_t finish = entry.finish.load(std::memory_order_acquire);
    record.push_back({Fingerprint::unpack(entry.fingerprint.load(std::memory_order_acquire)),
                      entry.number.load(std::memory_order_acquire), finish != 0, moment_of(start), moment_of(finish)});
  }
  // What the rank has begun to write over in the meantime does not count.
  const std::uint64_t overwritten = log.count.load(std::memory_order_relaxed) + 1;
  const std::uint64_t valid = overwritten - std::min(overwritten, flight_entries);
  if (valid > begin && page.rank(rank).identity.state.load() != RankState::left) {
    record.erase(record.begin(), record.begin() + static_cast<std::ptrdiff_t>(std::min(valid, end) - begin));
  }
  return record;
}

/// Adds all ranks' last calls to DIRECTORY/rank-R.txt when LOCKSTEP_FLIGHT_RECORD names a directory. A help in trouble,
/// so trouble with it is not reported.
LOCKSTEP_ON_DEMAND void write_flight_records(const ControlPage& page, int own, const std::string& failure) noexcept {
  try {
    const char* directory = std::getenv("LOCKSTEP_FLIGHT_RECORD");
    if (directory == nullptr || *directory == '\0') return;
    constexpr std::size_t longest = 64;  // calls of each rank
    const auto describe = [&](int rank) {
      const auto& identity = page.rank(rank).identity;
      return identity.process == 0 ? concat("rank ", rank)
                                   : concat("rank ", rank, " (host ", identity.host, ", pid ", identity.process, ")");
    };
    char date[32] = "";
    const std::time_t seconds = ::time(nullptr);
    std::tm parts{};
    if (::gmtime_r(&seconds, &parts) != nullptr) std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &parts);
    std::string text = concat(date, " ", describe(own), " of ", page.size(), " failed: ", failure, "\n");
    const auto now = Deadline::Clock::now();
    for (int rank = 0; rank < page.size(); ++rank) {
      const std::vector<FlightEntry> record = read_flight_record(page, rank);
      const std::size_t shown = std::min(record.size(), longest);
      text +=
          concat(describe(rank), page.rank(rank).identity.state.load() == RankState::left ? ", which has left" : "",
                 ", the last ", shown, " calls:\n", to_string(std::span<const FlightEntry>(record).last(shown), now));
    }
    text += "\n";
    const std::string path = concat(directory, "/rank-", own, ".txt");
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (file < 0) return;
    for (std::size_t written = 0; written < text.size();) {
      const ssize_t count = ::write(file, text.data() + written, text.size() - written);
      if (count <= 0) break;
      written += static_cast<std::size_t>(count);
    }
    ::close(file);
  } catch (...) {  // no memory
  }
}

}  // namespace lockstep::detail
