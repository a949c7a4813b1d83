// receive of buffers, numbers and trivially copyable objects from rank to rank.
#pragma once

#include <lockstep/comm/collectives/buffer.hpp>
#include <lockstep/comm/collectives/owned_result.hpp>
#include <lockstep/comm/communicator.hpp>

#include <concepts>
#include <utility>

namespace lockstep {

/// The next message of rank `source`, of the type and number of elements that it sent.
template <Communicator C, OutputBuffer B>
void receive(C& communicator, B&& buffer, int source) {
  communicator.receive(detail::wire_of(buffer), source);
}

/// A number or an object: `auto step = ls::receive<std::int64_t>(communicator, source);`.
template <Value T, Communicator C>
requires std::default_initializable<T>
[[nodiscard]] T receive(C& communicator, int source) {
  T value{};
  communicator.receive(detail::wire_of(value), source);
  return value;
}

/// Borrows the buffer until `wait` returns.
template <Communicator C, OutputBuffer B>
[[nodiscard]] auto receive_async(C& communicator, B&& buffer, int source) {
  return communicator.receive_async(detail::wire_of(buffer), source);
}

/// Receives into the temporary, which `wait` returns.
template <Communicator C, TemporaryBuffer B>
[[nodiscard]] auto receive_async(C& communicator, B&& buffer, int source) {
  detail::Kept<std::remove_cvref_t<B>> kept(std::move(buffer));
  auto pending = communicator.receive_async(kept.wire(), source);
  return OwnedResult(std::move(pending), std::move(kept));
}

/// `wait` returns the number or object.
template <Value T, Communicator C>
requires std::default_initializable<T>
[[nodiscard]] auto receive_async(C& communicator, int source) {
  detail::Kept<T> kept(T{});
  auto pending = communicator.receive_async(kept.wire(), source);
  return OwnedResult(std::move(pending), std::move(kept));
}

}  // namespace lockstep
