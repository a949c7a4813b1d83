// reduce_scatter of buffers: each rank gets its piece of the result.
#pragma once

#include <lockstep/comm/call/call_checks.hpp>
#include <lockstep/comm/collectives/buffer.hpp>
#include <lockstep/comm/collectives/owned_result.hpp>
#include <lockstep/comm/communicator.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace lockstep {

namespace detail {

/// Room for one of `size` equal pieces; throws ArgumentError when there are none.
template <class T, class C>
std::vector<T> room_for_piece(const char* collective, const C& communicator, std::size_t whole) {
  check_divisible(collective, whole, communicator.size());
  return std::vector<T>(whole / static_cast<std::size_t>(communicator.size()));
}

}  // namespace detail

/// Combines the ranks' buffers element by element; rank r gets piece r of the result. The number of elements must be a
/// multiple of the number of ranks.
template <Communicator C, Buffer In>
requires Element<BufferElement<In>>
[[nodiscard]] std::vector<BufferElement<In>> reduce_scatter(C& communicator, const In& input,
                                                            Reduction reduction = Reduction::sum) {
  auto output =
      detail::room_for_piece<BufferElement<In>>("reduce_scatter", communicator, detail::elements_of(input).size());
  communicator.reduce_scatter(detail::input_of(input), detail::wire_of(output), reduction);
  return output;
}

/// The same, into a buffer of the caller's.
template <Communicator C, Buffer In, OutputFor<In> Out>
requires Element<BufferElement<In>>
void reduce_scatter(C& communicator, const In& input, Out&& output, Reduction reduction = Reduction::sum) {
  communicator.reduce_scatter(detail::input_of(input), detail::wire_of(output), reduction);
}

/// Borrows an input that has a name until `wait` returns the vector; owns a temporary.
template <Communicator C, Buffer In>
requires Element<BufferElement<In>>
[[nodiscard]] auto reduce_scatter_async(C& communicator, In&& input, Reduction reduction = Reduction::sum) {
  auto output =
      detail::room_for_piece<BufferElement<In>>("reduce_scatter", communicator, detail::elements_of(input).size());
  auto kept = detail::keep_input(std::forward<In>(input));
  auto pending = communicator.reduce_scatter_async(kept.wire(), detail::wire_of(output), reduction);
  return OwnedResult(std::move(pending), detail::Kept(std::move(output)), std::move(kept));
}

/// Borrows input and output until `wait` returns.
template <Communicator C, Buffer In, OutputFor<In> Out>
requires Element<BufferElement<In>> && detail::Lendable<In>
[[nodiscard]] auto reduce_scatter_async(C& communicator, In&& input, Out&& output,
                                        Reduction reduction = Reduction::sum) {
  return communicator.reduce_scatter_async(detail::input_of(input), detail::wire_of(output), reduction);
}

}  // namespace lockstep
