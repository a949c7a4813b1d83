// all_gather of buffers of equal length, numbers and trivially copyable objects.
#pragma once

#include <lockstep/comm/collectives/buffer.hpp>
#include <lockstep/comm/collectives/owned_result.hpp>
#include <lockstep/comm/communicator.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace lockstep {

/// The ranks' inputs, all of the same length, one after another.
template <Communicator C, Input In>
requires Gatherable<BufferElement<In>>
[[nodiscard]] std::vector<BufferElement<In>> all_gather(C& communicator, const In& input) {
  std::vector<BufferElement<In>> output(detail::elements_of(input).size() *
                                        static_cast<std::size_t>(communicator.size()));
  communicator.all_gather(detail::input_of(input), detail::wire_of(output));
  return output;
}

/// The same, into a buffer of the caller's.
template <Communicator C, Input In, OutputFor<In> Out>
void all_gather(C& communicator, const In& input, Out&& output) {
  communicator.all_gather(detail::input_of(input), detail::wire_of(output));
}

/// Borrows an input that has a name until `wait` returns the vector; owns any other.
template <Communicator C, Input In>
requires Gatherable<BufferElement<In>>
[[nodiscard]] auto all_gather_async(C& communicator, In&& input) {
  std::vector<BufferElement<In>> output(detail::elements_of(input).size() *
                                        static_cast<std::size_t>(communicator.size()));
  auto kept = detail::keep_input(std::forward<In>(input));
  auto pending = communicator.all_gather_async(kept.wire(), detail::wire_of(output));
  return OwnedResult(std::move(pending), detail::Kept(std::move(output)), std::move(kept));
}

/// Borrows the output, and an input that has a name, until `wait` returns.
template <Communicator C, Input In, OutputFor<In> Out>
requires detail::Lendable<In>
[[nodiscard]] auto all_gather_async(C& communicator, In&& input, Out&& output) {
  return communicator.all_gather_async(detail::input_of(input), detail::wire_of(output));
}

}  // namespace lockstep
