// What a rank does with everyone's inputs once they are there: the data movement of each collective, on any path.
#pragma once

#include <lockstep/comm/host/operation.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace lockstep::detail {

/// The share of `rank` in `bytes` begins here: shares are cut on cache lines, so that no line has two writers.
constexpr std::size_t share_begin(std::size_t bytes, int rank, int size) {
  const std::size_t lines = (bytes + 63) / 64;
  return std::min(bytes, lines * static_cast<std::size_t>(rank) / static_cast<std::size_t>(size) * 64);
}

/// Does this rank's work on bytes [offset, offset + length) of each piece. `source(peer)` is where that range lies in
/// the peer's input (where inputs are several pieces: in the one that is for this rank). `alone`: every rank combines
/// the whole all_reduce for itself, because its inputs are copies; otherwise it combines its share and stores it at all
/// ranks.
template <class Source>
void combine_range(const Operation& operation, int rank, int size, std::vector<std::byte*>& pointers,
                   std::size_t offset, std::size_t length, bool alone, Source source) {
  const Call& call = operation.call;
  if (length == 0) return;
  const auto gather_pointers = [&](std::size_t begin) {
    for (int peer = 0; peer < size; ++peer) pointers[static_cast<std::size_t>(peer)] = source(peer) + begin;
  };
  switch (operation.collective()) {
    case Collective::all_reduce: {
      const std::size_t begin = alone ? 0 : share_begin(length, rank, size);
      const std::size_t end = alone ? length : share_begin(length, rank + 1, size);
      if (begin == end) break;
      gather_pointers(begin);
      std::byte* own = call.output;
      call.reduce(call.fingerprint.reduction, pointers.data(), size, alone ? &own : pointers.data(), alone ? 1 : size,
                  (end - begin) / call.element);
      break;
    }
    case Collective::reduce:
      if (rank != operation.root()) break;
      [[fallthrough]];
    case Collective::reduce_scatter: {
      gather_pointers(0);
      std::byte* own = call.output + offset;
      call.reduce(call.fingerprint.reduction, pointers.data(), size, &own, 1, length / call.element);
      break;
    }
    case Collective::gather:
      if (rank != operation.root()) break;
      [[fallthrough]];
    case Collective::allocate:  // the ranks tell each other whether they got theirs
    case Collective::all_gather:
    case Collective::all_gather_ragged: {
      std::byte* piece = call.output;
      for (int peer = 0; peer < size; ++peer) {
        const std::size_t bytes = operation.piece_of(peer);
        if (offset < bytes) copy_bytes(piece + offset, source(peer), std::min(length, bytes - offset));
        piece += bytes;
      }
      break;
    }
    case Collective::broadcast:
      if (rank != operation.root()) copy_bytes(call.output + offset, source(operation.root()), length);
      break;
    case Collective::scatter:
      copy_bytes(call.output + offset, source(operation.root()), length);
      break;
    case Collective::all_to_all:
      for (int peer = 0; peer < size; ++peer) {
        copy_bytes(call.output + static_cast<std::size_t>(peer) * call.piece + offset, source(peer), length);
      }
      break;
    case Collective::barrier:
    case Collective::send:
    case Collective::receive:
    case Collective::none:
      break;
  }
}

}  // namespace lockstep::detail
