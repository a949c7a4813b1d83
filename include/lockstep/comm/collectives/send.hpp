// send of buffers, numbers and trivially copyable objects from rank to rank.
#pragma once

#include <lockstep/comm/collectives/buffer.hpp>
#include <lockstep/comm/collectives/owned_result.hpp>
#include <lockstep/comm/communicator.hpp>

#include <type_traits>
#include <utility>

namespace lockstep {

/// One message to rank `destination`, which receives the same type and number of elements. May wait for the receive.
template <Communicator C, Input In>
void send(C& communicator, const In& input, int destination) {
  communicator.send(detail::input_of(input), destination);
}

/// Borrows the buffer until `wait` returns.
template <Communicator C, Input In>
requires(detail::Lendable<In> && !Value<In>)
    [[nodiscard]] auto send_async(C& communicator, In&& input, int destination) {
  return communicator.send_async(detail::input_of(input), destination);
}

/// Owns the temporary, or a copy of the value, until `wait` gives it back.
template <Communicator C, Input In>
requires(!detail::Lendable<In> || Value<In>)
    [[nodiscard]] auto send_async(C& communicator, In&& input, int destination) {
  using Plain = std::remove_cvref_t<In>;
  detail::Kept<Plain> kept(Plain(std::forward<In>(input)));
  auto pending = communicator.send_async(kept.wire(), destination);
  return OwnedResult(std::move(pending), std::move(kept));
}

}  // namespace lockstep
