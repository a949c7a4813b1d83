// all_reduce of buffers, temporaries and numbers.
#pragma once

#include <lockstep/comm/collectives/buffer.hpp>
#include <lockstep/comm/collectives/owned_result.hpp>
#include <lockstep/comm/communicator.hpp>

#include <type_traits>
#include <utility>

namespace lockstep {

/// Combines the ranks' buffers element by element, in place, to the same bits on every rank.
template <Communicator C, OutputBuffer B>
requires Element<BufferElement<B>>
void all_reduce(C& communicator, B&& buffer, Reduction reduction = Reduction::sum) {
  communicator.all_reduce(detail::wire_of(buffer), reduction);
}

/// The same for a temporary, which is returned.
template <Communicator C, TemporaryBuffer B>
requires Element<BufferElement<B>>
[[nodiscard]] std::remove_cvref_t<B> all_reduce(C& communicator, B&& buffer, Reduction reduction = Reduction::sum) {
  communicator.all_reduce(detail::wire_of(buffer), reduction);
  return std::move(buffer);
}

/// The same for a number, which is returned.
template <Communicator C, Element T>
[[nodiscard]] T all_reduce(C& communicator, T value, Reduction reduction = Reduction::sum) {
  communicator.all_reduce(detail::wire_of(value), reduction);
  return value;
}

/// Borrows the buffer until `wait` returns.
template <Communicator C, OutputBuffer B>
requires Element<BufferElement<B>>
[[nodiscard]] auto all_reduce_async(C& communicator, B&& buffer, Reduction reduction = Reduction::sum) {
  return communicator.all_reduce_async(detail::wire_of(buffer), reduction);
}

/// Owns the temporary until `wait` returns it.
template <Communicator C, TemporaryBuffer B>
requires Element<BufferElement<B>>
[[nodiscard]] auto all_reduce_async(C& communicator, B&& buffer, Reduction reduction = Reduction::sum) {
  detail::Kept<std::remove_cvref_t<B>> kept(std::move(buffer));
  auto pending = communicator.all_reduce_async(kept.wire(), reduction);
  return OwnedResult(std::move(pending), std::move(kept));
}

/// Owns the number until `wait` returns what it has become.
template <Communicator C, Element T>
[[nodiscard]] auto all_reduce_async(C& communicator, T value, Reduction reduction = Reduction::sum) {
  detail::Kept<T> kept(std::move(value));
  auto pending = communicator.all_reduce_async(kept.wire(), reduction);
  return OwnedResult(std::move(pending), std::move(kept));
}

}  // namespace lockstep
