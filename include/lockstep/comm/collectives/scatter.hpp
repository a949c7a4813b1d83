// scatter of one rank's buffer in equal pieces.
#pragma once

#include <lockstep/comm/call/call_checks.hpp>
#include <lockstep/comm/collectives/buffer.hpp>
#include <lockstep/comm/collectives/owned_result.hpp>
#include <lockstep/comm/communicator.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace lockstep {

namespace detail {

/// Tells all ranks how many elements the root's buffer has, so that all make room, or all throw ArgumentError.
template <class T, class C>
std::vector<T> room_for_scattered(C& communicator, std::size_t own, int root) {
  auto whole = static_cast<std::int64_t>(own);
  communicator.broadcast(std::span<std::int64_t>(&whole, 1), root);
  check_divisible("scatter", static_cast<std::size_t>(whole), communicator.size());
  return std::vector<T>(static_cast<std::size_t>(whole / communicator.size()));
}

}  // namespace detail

/// Rank r gets piece r of the input of rank `root`; elsewhere the input is not looked at. The root's length is
/// broadcast first, in a message of its own; it must be a multiple of the number of ranks.
template <Communicator C, Buffer In>
requires Gatherable<BufferElement<In>>
[[nodiscard]] std::vector<BufferElement<In>> scatter(C& communicator, const In& input, int root) {
  auto output = detail::room_for_scattered<BufferElement<In>>(communicator, detail::elements_of(input).size(), root);
  communicator.scatter(detail::input_of(input), detail::wire_of(output), root);
  return output;
}

/// The same, into a buffer of the caller's, whose length is that of a piece: no other message is needed.
template <Communicator C, Buffer In, OutputFor<In> Out>
void scatter(C& communicator, const In& input, Out&& output, int root) {
  communicator.scatter(detail::input_of(input), detail::wire_of(output), root);
}

/// Borrows an input that has a name until `wait` returns the vector; owns a temporary. Waits for the root's length
/// before it returns.
template <Communicator C, Buffer In>
requires Gatherable<BufferElement<In>>
[[nodiscard]] auto scatter_async(C& communicator, In&& input, int root) {
  auto output = detail::room_for_scattered<BufferElement<In>>(communicator, detail::elements_of(input).size(), root);
  auto kept = detail::keep_input(std::forward<In>(input));
  auto pending = communicator.scatter_async(kept.wire(), detail::wire_of(output), root);
  return OwnedResult(std::move(pending), detail::Kept(std::move(output)), std::move(kept));
}

/// Borrows input and output until `wait` returns.
template <Communicator C, Buffer In, OutputFor<In> Out>
requires detail::Lendable<In>
[[nodiscard]] auto scatter_async(C& communicator, In&& input, Out&& output, int root) {
  return communicator.scatter_async(detail::input_of(input), detail::wire_of(output), root);
}

}  // namespace lockstep
