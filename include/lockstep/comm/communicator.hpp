// The contract of a communicator: how ranks that run the same program exchange buffers. Read this page first.
#pragma once

#include <lockstep/comm/reduction.hpp>
#include <lockstep/core/dtype.hpp>
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
concept CollectivesOf = requires(C& communicator, std::span<T> buffer, std::span<const T> input, std::span<T> output,
                                 std::span<const std::int64_t> counts, Reduction reduction, int root) {
  communicator.all_reduce(buffer);
  communicator.all_reduce(buffer, reduction);
  { communicator.all_reduce_async(buffer, reduction) } -> PendingResult;
  communicator.reduce_scatter(input, output, reduction);
  communicator.all_gather(input, output);
  communicator.all_gather_ragged(input, output, counts);
  communicator.broadcast(buffer, root);
};

}  // namespace detail

/// A communicator joins `size()` ranks, numbered from 0. Every rank makes the same calls in the same order with the
/// same element type, counts, reduction and root; a call returns when this rank's part is done and its buffers are the
/// caller's again.
///
///  - `allocate(bytes)`: zero-filled memory on a 64-byte boundary, of the same size on every rank. Collectives on it
///    take the fastest path; any other memory works too.
///  - `all_reduce(buffer, reduction)`: combines the ranks' buffers element by element, in place, to the same bits on
///    every rank.
///  - `all_reduce_async(buffer, reduction)`: starts the same and returns a PendingResult. Several may be pending; they
///    complete in the order in which they were started, and a blocking call completes them first.
///  - `reduce_scatter(input, output, reduction)`: `input` is `size()` pieces of `output.size()` elements; rank r gets
///    piece r, combined. `output` may be that very piece of `input`.
///  - `all_gather(input, output)`: `output` becomes the inputs of all ranks, in rank order. `input` may be the piece of
///    `output` where it goes.
///  - `all_gather_ragged(input, output, counts)`: the same with `counts[r]` elements of rank r.
///  - `broadcast(buffer, root)`: everyone's buffer becomes that of rank `root`.
///  - `barrier()`: returns when every rank has called it.
///  - `progress()`: advances pending work without blocking; cheap enough to be called between two layers.
///
/// Any length is allowed, zero too. Buffers of different calls in flight do not overlap. A call that can be seen to be
/// wrong on its own rank throws ArgumentError and sends nothing. A peer that died, left, did not come in time or made
/// another call raises CommunicationError on every rank; afterwards each later call throws at once and names that first
/// error. One thread at a time uses a communicator.
template <class C>
concept Communicator =
    std::movable<C> && !std::copyable<C> && MemoryOwner<typename C::Memory> && PendingResult<typename C::Pending> &&
    requires(C & communicator, const C& constant, std::size_t bytes) {
  { constant.rank() } -> std::same_as<int>;
  { constant.size() } -> std::same_as<int>;
  { communicator.allocate(bytes) } -> std::same_as<typename C::Memory>;
  communicator.barrier();
  communicator.progress();
}
&&detail::CollectivesOf<C, float>&& detail::CollectivesOf<C, double>&& detail::CollectivesOf<C, std::int32_t>&&
    detail::CollectivesOf<C, std::int64_t>&& detail::CollectivesOf<C, std::uint8_t>;

}  // namespace lockstep
