// gather of buffers of equal length, numbers and trivially copyable objects on one rank.
#pragma once

#include <lockstep/comm/collectives/buffer.hpp>
#include <lockstep/comm/collectives/owned_result.hpp>
#include <lockstep/comm/communicator.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace lockstep {

namespace detail {

template <class T, class C>
std::vector<T> room_at_root(const C& communicator, std::size_t piece, int root) {
  return std::vector<T>(communicator.rank() == root ? piece * static_cast<std::size_t>(communicator.size()) : 0);
}

}  // namespace detail

/// On rank `root` the ranks' inputs, all of the same length, one after another; elsewhere an empty vector.
template <Communicator C, Input In>
requires Gatherable<BufferElement<In>>
[[nodiscard]] std::vector<BufferElement<In>> gather(C& communicator, const In& input, int root) {
  auto output = detail::room_at_root<BufferElement<In>>(communicator, detail::elements_of(input).size(), root);
  communicator.gather(detail::input_of(input), detail::wire_of(output), root);
  return output;
}

/// The same, into a buffer of the caller's, which is looked at on rank `root` only.
template <Communicator C, Input In, OutputFor<In> Out>
void gather(C& communicator, const In& input, Out&& output, int root) {
  communicator.gather(detail::input_of(input), detail::wire_of(output), root);
}

/// Borrows an input that has a name until `wait` returns the vector; owns any other.
template <Communicator C, Input In>
requires Gatherable<BufferElement<In>>
[[nodiscard]] auto gather_async(C& communicator, In&& input, int root) {
  auto output = detail::room_at_root<BufferElement<In>>(communicator, detail::elements_of(input).size(), root);
  auto kept = detail::keep_input(std::forward<In>(input));
  auto pending = communicator.gather_async(kept.wire(), detail::wire_of(output), root);
  return OwnedResult(std::move(pending), detail::Kept(std::move(output)), std::move(kept));
}

/// Borrows the output, and an input that has a name, until `wait` returns.
template <Communicator C, Input In, OutputFor<In> Out>
requires detail::Lendable<In>
[[nodiscard]] auto gather_async(C& communicator, In&& input, Out&& output, int root) {
  return communicator.gather_async(detail::input_of(input), detail::wire_of(output), root);
}

}  // namespace lockstep
