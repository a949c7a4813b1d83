// One collective under way: what was called, which path it takes and how far it is.
#pragma once

#include <lockstep/comm/call/call.hpp>
#include <lockstep/comm/host/control_page.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace lockstep::detail {

/// How the payload travels. Ranks choose from the sizes alone, and between `direct` and `staged` when all have said
/// where their buffers are; the order in which elements are combined is the same on every path.
enum class Path : std::uint8_t {
  tiny,    ///< In the cache line of the sequence number; every rank combines all inputs.
  flat,    ///< In a block of the control page; every rank combines all inputs.
  direct,  ///< Each rank combines its slice straight out of all buffers and stores it into all of them.
  staged,  ///< As direct, chunk by chunk, where buffers that peers cannot reach pass through a staging area.
};

enum class Phase : std::uint8_t { posted, filling, draining };

struct Operation {
  Call call;
  Path path = Path::tiny;
  Phase phase = Phase::posted;
  std::size_t longest = 0;   ///< Bytes of the longest piece of any rank.
  std::size_t chunk = 0;     ///< Bytes of a piece that pass in one staging round.
  std::uint64_t round = 0;   ///< Staging rounds done.
  std::uint64_t record = 0;  ///< The place in the flight record.

  Operation() = default;
  Operation(const Call& started, int size, std::size_t staging_half) : call(started), longest(started.piece) {
    for (const std::int64_t count : call.counts) {
      longest = std::max(longest, static_cast<std::size_t>(count) * call.element);
    }
    const std::size_t payload = longest * regions(size);
    const std::size_t share = std::min(flat_bytes, 2 * flat_bytes / static_cast<std::size_t>(size));
    path = payload <= inline_bytes ? Path::tiny : payload <= share ? Path::flat : Path::direct;
    chunk = staging_half / regions(size) / 64 * 64;
  }

  Collective collective() const { return call.fingerprint.collective; }
  int root() const { return call.fingerprint.root; }
  bool small() const { return path == Path::tiny || path == Path::flat; }

  /// Whether a rank's input is read by others.
  bool has_source(int rank) const {
    return rank == root() || (collective() != Collective::broadcast && collective() != Collective::scatter);
  }

  /// Pieces in an input.
  std::size_t regions(int size) const {
    const bool pieces = collective() == Collective::reduce_scatter || collective() == Collective::scatter ||
                        collective() == Collective::all_to_all;
    return pieces ? static_cast<std::size_t>(size) : 1;
  }

  /// Bytes of a rank's piece.
  std::size_t piece_of(int rank) const {
    return call.counts.empty() ? call.piece
                               : static_cast<std::size_t>(call.counts[static_cast<std::size_t>(rank)]) * call.element;
  }

  std::uint64_t rounds() const { return (longest + chunk - 1) / chunk; }

  /// Bytes of a rank's piece that pass in a round.
  std::size_t passing(int rank, std::uint64_t in_round) const {
    const std::size_t piece = piece_of(rank), offset = in_round * chunk;
    return offset < piece ? std::min(chunk, piece - offset) : 0;
  }
};

inline void copy_bytes(std::byte* to, const std::byte* from, std::size_t bytes) {
  if (bytes > 0 && to != from) std::memcpy(to, from, bytes);
}

}  // namespace lockstep::detail
