// The memory through which the ranks of one host talk: a few cache lines per rank, each written by its owner only.
// Threads share it by address, processes by mapping the same sealed memory. It is sparse: a staging area or channel
// takes memory from the system when its owner reserves it, and is not touched before.
#pragma once

#include <lockstep/comm/host/flight_recorder.hpp>
#include <lockstep/core/futex.hpp>

#include <sched.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

namespace lockstep::detail {

inline constexpr int max_host_ranks = 250;       // as many descriptors as one Unix socket message carries
inline constexpr std::uint64_t slot_count = 32;  // operations that may be under way at a time
inline constexpr std::size_t inline_bytes = 48;  // payload that fits beside the sequence number
inline constexpr int rebuild_attempts = 16;      // losses that a rebuild bears on its way
inline constexpr std::size_t rebuild_words = (max_host_ranks + 63) / 64;
inline constexpr std::size_t flat_bytes = 2048;  // payload that every rank combines for itself

static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free);

/// Where a rank's buffer is, in terms that its peers can follow.
struct Location {
  static constexpr std::uint64_t staged = ~std::uint64_t{0};

  std::uint64_t space =
      0;  ///< Number of the arena; `staged`: peers cannot reach it and it goes through the staging area.
  std::uint64_t offset = 0;
};

/// One operation of one rank. The first line holds all that a tiny message needs.
struct alignas(64) CallSlot {
  std::atomic<std::uint64_t> sequence{0};  ///< Number of the operation plus one, once all else here is written.
  std::atomic<std::uint64_t> fingerprint{0};
  std::byte payload[inline_bytes];
  Location location;
  std::uint64_t detail;  ///< A hash of what the fingerprint has no room for.
};
static_assert(sizeof(CallSlot) == 128);

enum class RankState : std::uint32_t { present, left };

/// The lines of one rank.
struct RankControl {
  struct alignas(64) {
    std::atomic<RankState> state{RankState::present};
    std::int32_t process = 0;
    char host[64] = "";
  } identity;
  struct alignas(64) {
    std::atomic<std::uint32_t> count{0};  ///< The futex on which this rank sleeps; peers count it up.
    std::atomic<std::uint32_t> sleeping{0};
  } bell;
  struct alignas(64) {
    std::atomic<std::uint64_t> finished{0};  ///< Operations in which this rank has done its work.
    std::atomic<std::uint64_t> staged{0};    ///< Staging rounds whose input is in place.
    std::atomic<std::uint64_t> reduced{0};   ///< Staging rounds in which this rank has done its work.
    std::atomic<std::uint32_t> working{0};   ///< This rank is reading or writing peers' buffers (threads only).
  } counters;
  struct alignas(64) {
    std::atomic<std::uint32_t> attempts{0};                       ///< To rebuild, to which this rank has come.
    std::uint64_t members[rebuild_attempts][rebuild_words] = {};  ///< The lists that it made, a bit for each rank.
  } rebuild;
  /// Ranks to which this one's channel can be read.
  alignas(64) std::atomic<std::uint8_t> opened[(max_host_ranks + 63) / 64 * 64];
  FlightLog flight;
  CallSlot slots[slot_count];
  alignas(64) std::byte payloads[slot_count][flat_bytes];
};

/// The processors that a thread started by the caller may run on.
inline cpu_set_t allowed_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof set, &set);
  return set;
}

/// What the ranks share. The first rank that fails says so in `failure`, and why.
struct GroupControl {
  alignas(64) std::atomic<std::uint32_t> sleepers{0};
  TickMoment begin;             ///< When the group began, on both clocks.
  std::int32_t processors = 0;  ///< That the ranks may run on, all together.
  struct alignas(64) {
    std::atomic<std::uint32_t> state{0};  ///< 0 none, 1 being written, 2 readable.
    std::atomic<std::int32_t> rank{-1};
    char text[1016] = "";
  } failure;
  struct alignas(64) {
    std::uint64_t group[2] = {};  ///< Random: no other group, before or after, has these numbers.
    std::atomic<std::int32_t> closed[rebuild_attempts] = {};  ///< The rank whose list holds plus one; 0 while open.
  } rebuild;
};

/// The layout: the group's lines, each rank's lines, each rank's staging area, the channel of each pair of ranks.
class ControlPage {
 public:
  ControlPage() = default;
  ControlPage(std::byte* base, int size, std::size_t staging_bytes)
      : base_(base), size_(size), staging_bytes_(staging_bytes) {}

  static std::size_t bytes(int size, std::size_t staging_bytes) {
    return channel_offset(0, 0, size, staging_bytes) +
           static_cast<std::size_t>(size) * static_cast<std::size_t>(size) * channel_bytes(size);
  }

  /// Bytes of the channel of a pair: shorter in large groups, where they are many.
  static constexpr std::size_t channel_bytes(int size) { return size <= 32 ? 32768 : 8192; }

  /// The lines of the group and of all ranks, which begin the memory.
  static std::size_t dense_bytes(int size) { return rank_offset(size); }

  /// Begins the life of all lines; one rank does it before the others look.
  void construct(int processors) const {
    ::new (base_) GroupControl;
    group().processors = processors;
    group().begin = TickMoment::now();
    for (int rank = 0; rank < size_; ++rank) ::new (base_ + rank_offset(rank)) RankControl;
  }

  int size() const { return size_; }
  std::size_t staging_bytes() const { return staging_bytes_; }
  GroupControl& group() const { return *std::launder(reinterpret_cast<GroupControl*>(base_)); }
  RankControl& rank(int rank) const { return *std::launder(reinterpret_cast<RankControl*>(base_ + rank_offset(rank))); }
  CallSlot& slot(int rank, std::uint64_t number) const { return this->rank(rank).slots[number % slot_count]; }

  /// The half of a rank's staging area that serves a round: one is filled while peers read the other.
  std::byte* staging(int rank, std::uint64_t round) const {
    return base_ + staging_offset(rank) + (round % 2) * (staging_bytes_ / 2);
  }
  std::size_t staging_offset(int rank) const {
    return rank_offset(size_) + static_cast<std::size_t>(rank) * staging_bytes_;
  }

  /// The memory of the channel through which one rank sends to another.
  std::byte* channel(int from, int to) const { return base_ + channel_offset(from, to); }
  std::size_t channel_offset(int from, int to) const { return channel_offset(from, to, size_, staging_bytes_); }
  std::size_t channel_bytes() const { return channel_bytes(size_); }

 private:
  /// On a boundary of pages, so that a channel shares no page with what others reserve.
  static std::size_t channel_offset(int from, int to, int size, std::size_t staging_bytes) {
    const std::size_t begin = rank_offset(size) + static_cast<std::size_t>(size) * staging_bytes;
    const auto index = static_cast<std::size_t>(from) * static_cast<std::size_t>(size) + static_cast<std::size_t>(to);
    return (begin + 4095) / 4096 * 4096 + index * channel_bytes(size);
  }

  static std::size_t rank_offset(int rank) {
    return sizeof(GroupControl) + static_cast<std::size_t>(rank) * sizeof(RankControl);
  }

  std::byte* base_ = nullptr;
  int size_ = 0;
  std::size_t staging_bytes_ = 0;
};

}  // namespace lockstep::detail
