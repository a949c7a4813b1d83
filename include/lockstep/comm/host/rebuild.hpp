// Which ranks go on after a failure. The control page of the failed group still joins them: a rank that comes says so
// there, and whoever first sees that all living ranks have come, or that time is up, writes the list in lines of its
// own and closes the attempt with one compare-and-swap. So the list cannot be half made, and nobody's death can hold it
// up.
#pragma once

#include <lockstep/comm/host/control_page.hpp>
#include <lockstep/comm/host/failure.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>

#include <time.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lockstep::detail {

inline void nap(std::chrono::milliseconds duration) {
  const timespec time{static_cast<time_t>(duration.count() / 1000),
                      static_cast<long>(duration.count() % 1000) * 1'000'000};
  ::nanosleep(&time, nullptr);
}

/// As in "0, 1, 3".
LOCKSTEP_ON_DEMAND std::string list_of(const std::vector<int>& ranks) {
  std::string text;
  for (const int rank : ranks) text += concat(text.empty() ? "" : ", ", rank);
  return text;
}

/// The place of a rank among the members, or -1.
inline int place_among(const std::vector<int>& members, int rank) {
  for (std::size_t place = 0; place < members.size(); ++place) {
    if (members[place] == rank) return static_cast<int>(place);
  }
  return -1;
}

/// The members that an attempt was closed with, or nothing while it is open.
LOCKSTEP_ON_DEMAND std::vector<int> closed_with(const ControlPage& page, int attempt) {
  std::vector<int> members;
  const int closer = page.group().rebuild.closed[attempt].load(std::memory_order_seq_cst) - 1;
  for (int rank = 0; closer >= 0 && rank < page.size(); ++rank) {
    const std::uint64_t word = page.rank(closer).rebuild.members[attempt][rank / 64];
    if ((word >> (rank % 64) & 1) != 0) members.push_back(rank);
  }
  return members;
}

/// Comes to an attempt and returns who goes on, in the order of their ranks: of the `candidates`, those who come before
/// one of those who wait for the rest has waited until its deadline. `is_gone(rank)` says who need not be waited for.
/// Throws CommunicationError when this rank comes after the list was closed without it.
template <class IsGone>
std::vector<int> agree_on_members(const char* name, const ControlPage& page, int own, int attempt,
                                  const std::vector<int>& candidates, const Deadline& deadline, IsGone is_gone) {
  auto& mine = page.rank(own).rebuild;
  const std::uint32_t coming = static_cast<std::uint32_t>(attempt) + 1;
  mine.attempts.store(coming, std::memory_order_seq_cst);
  for (;;) {
    const std::vector<int> members = closed_with(page, attempt);
    if (!members.empty()) {
      if (place_among(members, own) >= 0) return members;
      throw CommunicationError(concat(
          name, ": rank ", own,
          " came too late to the rebuild: ", describe_rank(page, page.group().rebuild.closed[attempt].load() - 1),
          " had closed it, and the ranks that came in time (", list_of(members), ") go on without this one"));
    }
    bool all = true;
    std::uint64_t come[rebuild_words] = {};
    for (const int rank : candidates) {
      if (rank != own && is_gone(rank)) continue;
      if (page.rank(rank).rebuild.attempts.load(std::memory_order_seq_cst) >= coming) {
        come[rank / 64] |= std::uint64_t{1} << (rank % 64);
      } else {
        all = false;
      }
    }
    if (all || deadline.passed()) {
      for (std::size_t word = 0; word < rebuild_words; ++word) mine.members[attempt][word] = come[word];
      std::int32_t open = 0;
      page.group().rebuild.closed[attempt].compare_exchange_strong(open, own + 1, std::memory_order_seq_cst);
    } else {
      nap(std::chrono::milliseconds(1));
    }
  }
}

/// Makes a new group of the ranks that go on: `meet(members, attempt)` joins it and throws CommunicationError when a
/// member is lost on the way; then those who are left try again.
template <class IsGone, class Meet>
auto rebuild_group(const char* name, const ControlPage& page, int own, std::chrono::nanoseconds patience,
                   IsGone is_gone, Meet meet) {
  if (page.rank(own).rebuild.attempts.load() > 0) {
    throw ArgumentError("rebuild: was called before on this communicator; go on with the one that it returned");
  }
  std::vector<int> members;
  for (int rank = 0; rank < page.size(); ++rank) members.push_back(rank);
  for (int attempt = 0;; ++attempt) {
    members = agree_on_members(name, page, own, attempt, members, Deadline::after(patience), is_gone);
    try {
      return meet(members, attempt);
    } catch (const CommunicationError&) {
      if (attempt + 1 == rebuild_attempts) throw;
    }
  }
}

}  // namespace lockstep::detail
