// broadcast of buffers, temporaries, numbers and trivially copyable objects.
#pragma once

#include <lockstep/comm/collectives/buffer.hpp>
#include <lockstep/comm/collectives/owned_result.hpp>
#include <lockstep/comm/communicator.hpp>

#include <type_traits>
#include <utility>

namespace lockstep {

/// Everyone's buffer becomes that of rank `root`; all have the same length.
template <Communicator C, OutputBuffer B>
void broadcast(C& communicator, B&& buffer, int root) {
  communicator.broadcast(detail::wire_of(buffer), root);
}

/// The same for a temporary, which is returned.
template <Communicator C, TemporaryBuffer B>
[[nodiscard]] std::remove_cvref_t<B> broadcast(C& communicator, B&& buffer, int root) {
  communicator.broadcast(detail::wire_of(buffer), root);
  return std::move(buffer);
}

/// The value of rank `root`.
template <Communicator C, Value T>
[[nodiscard]] T broadcast(C& communicator, T value, int root) {
  communicator.broadcast(detail::wire_of(value), root);
  return value;
}

/// Borrows the buffer until `wait` returns.
template <Communicator C, OutputBuffer B>
[[nodiscard]] auto broadcast_async(C& communicator, B&& buffer, int root) {
  return communicator.broadcast_async(detail::wire_of(buffer), root);
}

/// Owns the temporary until `wait` returns it.
template <Communicator C, TemporaryBuffer B>
[[nodiscard]] auto broadcast_async(C& communicator, B&& buffer, int root) {
  detail::Kept<std::remove_cvref_t<B>> kept(std::move(buffer));
  auto pending = communicator.broadcast_async(kept.wire(), root);
  return OwnedResult(std::move(pending), std::move(kept));
}

/// Owns the value until `wait` returns that of rank `root`.
template <Communicator C, Value T>
[[nodiscard]] auto broadcast_async(C& communicator, T value, int root) {
  detail::Kept<T> kept(std::move(value));
  auto pending = communicator.broadcast_async(kept.wire(), root);
  return OwnedResult(std::move(pending), std::move(kept));
}

}  // namespace lockstep
