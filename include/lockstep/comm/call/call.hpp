// What every engine is handed: a call after its element type has been turned into bytes and a kernel.
#pragma once

#include <lockstep/comm/call/fingerprint.hpp>
#include <lockstep/comm/call/reduce_slice.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace lockstep::detail {

/// One call of one rank. Buffers that a collective does not use on this rank are null.
///
///  | collective        | input                   | output                        | piece                       |
///  |-------------------|-------------------------|-------------------------------|-----------------------------|
///  | all_reduce        | the buffer              | the buffer                    | bytes of the buffer         |
///  | reduce            | the buffer              | at the root                   | bytes of the buffer         |
///  | reduce_scatter    | `size` pieces           | one piece                     | bytes of one rank's piece   |
///  | all_gather        | one piece               | `size` pieces                 | bytes of one rank's piece   |
///  | all_gather_ragged | counts[rank] elements   | all counts                    | bytes of this rank's input  |
///  | gather            | one piece               | `size` pieces, at the root    | bytes of one rank's piece   |
///  | scatter           | `size` pieces, at root  | one piece                     | bytes of one rank's piece   |
///  | all_to_all        | `size` pieces           | `size` pieces                 | bytes of one rank's piece   |
///  | broadcast         | the buffer              | the buffer                    | bytes of the buffer         |
///  | send, receive     | the buffer / -          | - / the buffer                | bytes of the buffer         |
///
/// The output of reduce, reduce_scatter, gather, scatter and the all_gathers may be the matching part of the input or
/// hold it; no other buffers overlap. For send and receive the fingerprint's root is the peer.
struct Call {
  Fingerprint fingerprint;
  const std::byte* input = nullptr;
  std::byte* output = nullptr;
  std::size_t piece = 0;
  std::size_t element = 1;                    ///< Bytes of one element.
  std::span<const std::int64_t> counts = {};  ///< Elements of each rank, for all_gather_ragged.
  ReduceSlice reduce = nullptr;               ///< Combines elements in the canonical order.
  ScaleSums scale = nullptr;                  ///< Turns sums into means, where `reduce` was told to sum.
};

}  // namespace lockstep::detail
