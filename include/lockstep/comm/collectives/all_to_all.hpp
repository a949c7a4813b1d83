// all_to_all of buffers that hold one piece for each rank.
#pragma once

#include <lockstep/comm/call/call_checks.hpp>
#include <lockstep/comm/collectives/buffer.hpp>
#include <lockstep/comm/collectives/owned_result.hpp>
#include <lockstep/comm/communicator.hpp>

#include <utility>
#include <vector>

namespace lockstep {

/// Piece r of the result is the piece of rank r's input that is for this rank. The number of elements must be a
/// multiple of the number of ranks.
template <Communicator C, Buffer In>
requires Gatherable<BufferElement<In>>
[[nodiscard]] std::vector<BufferElement<In>> all_to_all(C& communicator, const In& input) {
  detail::check_divisible("all_to_all", detail::elements_of(input).size(), communicator.size());
  std::vector<BufferElement<In>> output(detail::elements_of(input).size());
  communicator.all_to_all(detail::input_of(input), detail::wire_of(output));
  return output;
}

/// The same, into a buffer of the caller's that does not overlap the input.
template <Communicator C, Buffer In, OutputFor<In> Out>
void all_to_all(C& communicator, const In& input, Out&& output) {
  detail::check_divisible("all_to_all", detail::elements_of(input).size(), communicator.size());
  communicator.all_to_all(detail::input_of(input), detail::wire_of(output));
}

/// Borrows an input that has a name until `wait` returns the vector; owns a temporary.
template <Communicator C, Buffer In>
requires Gatherable<BufferElement<In>>
[[nodiscard]] auto all_to_all_async(C& communicator, In&& input) {
  detail::check_divisible("all_to_all", detail::elements_of(input).size(), communicator.size());
  std::vector<BufferElement<In>> output(detail::elements_of(input).size());
  auto kept = detail::keep_input(std::forward<In>(input));
  auto pending = communicator.all_to_all_async(kept.wire(), detail::wire_of(output));
  return OwnedResult(std::move(pending), detail::Kept(std::move(output)), std::move(kept));
}

/// Borrows input and output until `wait` returns.
template <Communicator C, Buffer In, OutputFor<In> Out>
requires detail::Lendable<In>
[[nodiscard]] auto all_to_all_async(C& communicator, In&& input, Out&& output) {
  detail::check_divisible("all_to_all", detail::elements_of(input).size(), communicator.size());
  return communicator.all_to_all_async(detail::input_of(input), detail::wire_of(output));
}

}  // namespace lockstep
