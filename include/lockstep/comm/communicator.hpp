// The contract of a communicator: how ranks that run the same program exchange buffers. Read this page first.
#pragma once

#include <lockstep/comm/reduction.hpp>
#include <lockstep/tensor/device.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace lockstep {

/// The move-only result of an asynchronous collective. It borrows the caller's buffer until `wait` returns or `test`
/// says true; the destructor waits too, and swallows the error that a later call on the communicator repeats.
template <class P>
concept PendingResult = std::movable<P> && !std::copyable<P> && requires(P pending) {
  { pending.wait() } -> std::same_as<void>;
  { pending.test() } -> std::same_as<bool>;
};

namespace detail {

template <class C, class T>
concept ReductionsOf = requires(C& communicator, std::span<T> buffer, std::span<const T> input, std::span<T> output,
                                Reduction reduction, int root) {
  communicator.all_reduce(buffer);
  communicator.all_reduce(buffer, reduction);
  communicator.reduce(input, output, root, reduction);
  communicator.reduce_scatter(input, output, reduction);
  { communicator.all_reduce_async(buffer, reduction) } -> PendingResult;
  { communicator.reduce_async(input, output, root, reduction) } -> PendingResult;
  { communicator.reduce_scatter_async(input, output, reduction) } -> PendingResult;
};

template <class C, class T>
concept TransfersOf = requires(C& communicator, std::span<T> buffer, std::span<const T> input, std::span<T> output,
                               std::span<const std::int64_t> counts, int rank) {
  communicator.all_gather(input, output);
  communicator.all_gather_ragged(input, output, counts);
  communicator.gather(input, output, rank);
  communicator.scatter(input, output, rank);
  communicator.all_to_all(input, output);
  communicator.broadcast(buffer, rank);
  communicator.send(input, rank);
  communicator.receive(output, rank);
  { communicator.all_gather_async(input, output) } -> PendingResult;
  { communicator.all_gather_ragged_async(input, output, counts) } -> PendingResult;
  { communicator.gather_async(input, output, rank) } -> PendingResult;
  { communicator.scatter_async(input, output, rank) } -> PendingResult;
  { communicator.all_to_all_async(input, output) } -> PendingResult;
  { communicator.broadcast_async(buffer, rank) } -> PendingResult;
  { communicator.send_async(input, rank) } -> PendingResult;
  { communicator.receive_async(output, rank) } -> PendingResult;
};

}  // namespace detail

/// A communicator joins `size()` ranks, numbered from 0. Every rank makes the same collective calls in the same order
/// with the same element type, counts, reduction and root; a call returns when this rank's part is done and its buffers
/// are the caller's again. In what follows a piece is an equal part of a buffer, one for each rank, in rank order.
///
///  - `allocate(bytes)`: zero-filled memory on a 64-byte boundary, of the same size on every rank. Collectives on it
///    take the fastest path; any other memory works too.
///  - `all_reduce(buffer, reduction)`: combines the ranks' buffers element by element, in place, to the same bits on
///    every rank.
///  - `reduce(input, output, root, reduction)`: the same, for rank `root` only; elsewhere `output` is not looked at.
///    `output` may be `input`.
///  - `reduce_scatter(input, output, reduction)`: combines, and rank r gets piece r of the result. `output` may be that
///    very piece of `input`.
///  - `all_gather(input, output)`: `output` becomes the inputs of all ranks. `input` may be the piece of `output` where
///    it goes.
///  - `all_gather_ragged(input, output, counts)`: the same with `counts[r]` elements of rank r.
///  - `gather(input, output, root)`: as all_gather, for rank `root` only; elsewhere `output` is not looked at.
///  - `scatter(input, output, root)`: rank r gets piece r of the input of rank `root`; elsewhere `input` is not looked
///    at. `output` may be the piece of `input` that it gets.
///  - `all_to_all(input, output)`: piece r of `output` becomes the piece of rank r's input that is for this rank.
///  - `broadcast(buffer, root)`: everyone's buffer becomes that of rank `root`.
///  - `barrier()`: returns when every rank has called it.
///  - `send(buffer, destination)`, `receive(buffer, source)`: one message from rank to rank; messages of a pair arrive
///    in the order in which they were sent, and each is received with the type and count it was sent with. A send may
///    wait for its receive: ranks that exchange messages use the asynchronous forms. Collectives and messages do not
///    wait for each other.
///  - `..._async`: starts the same and returns a PendingResult. Several may be pending; collectives complete in the
///    order in which they were started, and a blocking collective completes them first.
///  - `split(color, key)`: a collective; the communicator of all ranks that gave the same color (0 or more), numbered
///  in
///    the order of their keys, then of their ranks here. It is independent of this one.
///  - `progress()`: advances pending work without blocking; cheap enough to be called between two layers.
///
/// Any length is allowed, zero too. Buffers of different calls in flight do not overlap. A call that can be seen to be
/// wrong on its own rank throws ArgumentError and sends nothing. A peer that died, left, did not come in time or made
/// another call raises CommunicationError on every rank; afterwards each later call throws at once and names that first
/// error. One thread at a time uses a communicator.
///
/// Each collective is a template on the element type and takes every Element: float, double, BFloat16, Float16 (added
/// up in float and rounded once), int32, int64, uint8. To keep compilers fast the concept looks at two of them; the
/// conformance suite runs all.
template <class C>
concept Communicator =
    std::movable<C> && !std::copyable<C> && MemoryOwner<typename C::Memory> && PendingResult<typename C::Pending> &&
    requires(C & communicator, const C& constant, std::size_t bytes, int color, int key) {
  { constant.rank() } -> std::same_as<int>;
  { constant.size() } -> std::same_as<int>;
  { communicator.allocate(bytes) } -> std::same_as<typename C::Memory>;
  communicator.barrier();
  { communicator.barrier_async() } -> PendingResult;
  communicator.progress();
  { communicator.split(color, key) } -> std::same_as<C>;
}
&&detail::ReductionsOf<C, float>&& detail::TransfersOf<C, std::uint8_t>;

/// A communicator that can go on without the ranks it has lost. After a CommunicationError the surviving ranks call
/// `rebuild()`, which returns a communicator of those who came, numbered in the order of their ranks; the old one stays
/// failed.
template <class C>
concept RebuildableCommunicator = Communicator<C> && requires(C& communicator) {
  { communicator.rebuild() } -> std::same_as<C>;
};

}  // namespace lockstep
