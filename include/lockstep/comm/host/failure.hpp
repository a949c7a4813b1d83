// What a rank can say about a failure: who, where, in which call. Reads the control page only.
#pragma once

#include <lockstep/comm/call/fingerprint.hpp>
#include <lockstep/comm/host/control_page.hpp>
#include <lockstep/core/concat.hpp>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>

namespace lockstep::detail {

/// As in "rank 1 (host a, pid 123)"; ranks that are threads have no more than a number.
inline std::string describe_rank(const ControlPage& page, int rank) {
  const auto& identity = page.rank(rank).identity;
  if (identity.process == 0) return concat("rank ", rank);
  return concat("rank ", rank, " (host ", identity.host, ", pid ", identity.process, ")");
}

/// As in "all_reduce<float32>(524288, sum) #17".
inline std::string describe_call(const ControlPage& page, int rank, std::uint64_t number) {
  const std::uint64_t word = page.slot(rank, number).fingerprint.load(std::memory_order_relaxed);
  return concat(to_string(Fingerprint::unpack(word)), " #", number + 1);
}

/// What the rank was doing last: "during ..." or "after ...".
inline std::string describe_last_call(const ControlPage& page, int rank) {
  const FlightLog& log = page.rank(rank).flight;
  if (const std::uint64_t count = log.count.load(std::memory_order_acquire); count > 0) {
    const FlightLog::Entry& entry = log.entries[(count - 1) % flight_entries];
    const Fingerprint call = Fingerprint::unpack(entry.fingerprint.load(std::memory_order_relaxed));
    if (is_point_to_point(call.collective)) {
      return concat(entry.finish.load(std::memory_order_relaxed) != 0 ? "after " : "during ", to_string(call));
    }
  }
  std::uint64_t last = 0;  // number plus one
  for (const CallSlot& slot : page.rank(rank).slots) {
    const std::uint64_t sequence = slot.sequence.load(std::memory_order_acquire);
    if (sequence > last) last = sequence;
  }
  if (last == 0) return "before its first call";
  const bool finished = page.rank(rank).counters.finished.load(std::memory_order_acquire) >= last;
  return concat(finished ? "after " : "during ", describe_call(page, rank, last - 1));
}

/// What every rank called as its operation `number`, when they do not agree.
inline std::string describe_mismatch(const ControlPage& page, std::uint64_t number) {
  std::string text = concat("the ranks disagree about collective #", number + 1, ": ");
  for (int rank = 0; rank < page.size(); ++rank) {
    const std::uint64_t word = page.slot(rank, number).fingerprint.load(std::memory_order_relaxed);
    if (rank > 0) text += "; ";
    if (rank == 8 && page.size() > 9) return concat(text, "and ", page.size() - 8, " more ranks");
    text += concat(describe_rank(page, rank), " called ", to_string(Fingerprint::unpack(word)));
  }
  return concat(text, "; all ranks must make the same calls in the same order");
}

/// Tells the group that this rank has failed; the first one's text stands. Returns whether this was the first.
inline bool announce_failure(const ControlPage& page, int rank, const std::string& text) {
  auto& failure = page.group().failure;
  std::uint32_t none = 0;
  if (!failure.state.compare_exchange_strong(none, 1, std::memory_order_seq_cst)) return false;
  failure.rank.store(rank, std::memory_order_relaxed);
  const std::size_t length = text.size() < sizeof failure.text ? text.size() : sizeof failure.text - 1;
  std::memcpy(failure.text, text.data(), length);
  failure.text[length] = '\0';
  failure.state.store(2, std::memory_order_seq_cst);
  return true;
}

/// The text of the group's first failure.
inline std::string announced_failure(const ControlPage& page) {
  const auto& failure = page.group().failure;
  if (failure.state.load(std::memory_order_acquire) != 2) return "a peer failed";
  return concat(describe_rank(page, failure.rank.load(std::memory_order_relaxed)), " reported: ", failure.text);
}

}  // namespace lockstep::detail
