// reduce of buffers, temporaries and numbers, for one rank.
#pragma once

#include <lockstep/comm/collectives/buffer.hpp>
#include <lockstep/comm/collectives/owned_result.hpp>
#include <lockstep/comm/communicator.hpp>

#include <optional>
#include <utility>
#include <vector>

namespace lockstep {

/// Combines the ranks' buffers element by element; the buffer of rank `root` becomes the result, the others stay what
/// they are.
template <Communicator C, OutputBuffer B>
requires Element<BufferElement<B>>
void reduce(C& communicator, B&& buffer, int root, Reduction reduction = Reduction::sum) {
  communicator.reduce(detail::input_of(buffer), detail::wire_of(buffer), root, reduction);
}

/// The same, into a buffer of the caller's, which is looked at on rank `root` only.
template <Communicator C, Buffer In, OutputFor<In> Out>
requires Element<BufferElement<In>>
void reduce(C& communicator, const In& input, Out&& output, int root, Reduction reduction = Reduction::sum) {
  communicator.reduce(detail::input_of(input), detail::wire_of(output), root, reduction);
}

/// The same for a temporary: the result on rank `root`, elsewhere an empty vector.
template <Communicator C, TemporaryBuffer B>
requires Element<BufferElement<B>>
[[nodiscard]] std::vector<BufferElement<B>> reduce(C& communicator, B&& buffer, int root,
                                                   Reduction reduction = Reduction::sum) {
  const auto elements = detail::elements_of(buffer);
  communicator.reduce(detail::input_of(buffer), elements, root, reduction);
  if (communicator.rank() != root) return {};
  return {elements.begin(), elements.end()};
}

/// The same for a number: the result on rank `root`, elsewhere nothing.
template <Communicator C, Element T>
[[nodiscard]] std::optional<T> reduce(C& communicator, T value, int root, Reduction reduction = Reduction::sum) {
  communicator.reduce(detail::input_of(value), detail::wire_of(value), root, reduction);
  return communicator.rank() == root ? std::optional<T>(value) : std::nullopt;
}

/// Borrows the buffer until `wait` returns.
template <Communicator C, OutputBuffer B>
requires Element<BufferElement<B>>
[[nodiscard]] auto reduce_async(C& communicator, B&& buffer, int root, Reduction reduction = Reduction::sum) {
  return communicator.reduce_async(detail::input_of(buffer), detail::wire_of(buffer), root, reduction);
}

/// Borrows input and output until `wait` returns.
template <Communicator C, Buffer In, OutputFor<In> Out>
requires Element<BufferElement<In>> && detail::Lendable<In>
[[nodiscard]] auto reduce_async(C& communicator, In&& input, Out&& output, int root,
                                Reduction reduction = Reduction::sum) {
  return communicator.reduce_async(detail::input_of(input), detail::wire_of(output), root, reduction);
}

/// Owns the temporary until `wait` returns the result on rank `root`, elsewhere an empty vector.
template <Communicator C, TemporaryBuffer B>
requires Element<BufferElement<B>>
[[nodiscard]] auto reduce_async(C& communicator, B&& buffer, int root, Reduction reduction = Reduction::sum) {
  std::vector<BufferElement<B>> output(communicator.rank() == root ? detail::elements_of(buffer).size() : 0);
  auto kept = detail::keep_input(std::forward<B>(buffer));
  auto pending = communicator.reduce_async(kept.wire(), detail::wire_of(output), root, reduction);
  return OwnedResult(std::move(pending), detail::Kept(std::move(output)), std::move(kept));
}

}  // namespace lockstep
