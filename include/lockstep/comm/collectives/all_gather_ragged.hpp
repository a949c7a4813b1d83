// all_gather of buffers whose lengths differ from rank to rank.
#pragma once

#include <lockstep/comm/collectives/all_gather.hpp>
#include <lockstep/comm/collectives/buffer.hpp>
#include <lockstep/comm/collectives/owned_result.hpp>
#include <lockstep/comm/communicator.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace lockstep {

/// The ranks' inputs, one after another, and how many elements each has given.
template <class T>
struct Ragged {
  std::vector<T> values;
  std::vector<std::int64_t> counts;

  /// What rank `rank` has given.
  std::span<const T> of(int rank) const {
    std::size_t first = 0;
    for (int before = 0; before < rank; ++before)
      first += static_cast<std::size_t>(counts[static_cast<std::size_t>(before)]);
    return std::span<const T>(values).subspan(first, static_cast<std::size_t>(counts[static_cast<std::size_t>(rank)]));
  }
};

namespace detail {

template <class T>
inline constexpr bool stays_when_moved<Ragged<T>> = true;

/// Learns the lengths of all ranks and makes room. The counts are of what a message carries: bytes for objects.
template <class T, class C>
Ragged<T> make_ragged(C& communicator, std::size_t own, std::vector<std::int64_t>& wire_counts) {
  Ragged<T> result;
  result.counts = lockstep::all_gather(communicator, static_cast<std::int64_t>(own));
  std::int64_t total = 0;
  for (const std::int64_t count : result.counts) {
    total += count;
    wire_counts.push_back(count * static_cast<std::int64_t>(Element<T> ? 1 : sizeof(T)));
  }
  result.values.resize(static_cast<std::size_t>(total));
  return result;
}

template <class Input>
struct RaggedInput {
  Input input;
  std::vector<std::int64_t> wire_counts;
};

}  // namespace detail

/// The ranks' inputs of any lengths. Gathers the lengths first, in a message of its own.
template <Communicator C, Buffer In>
requires Gatherable<BufferElement<In>>
[[nodiscard]] Ragged<BufferElement<In>> all_gather_ragged(C& communicator, const In& input) {
  std::vector<std::int64_t> counts;
  auto result = detail::make_ragged<BufferElement<In>>(communicator, detail::elements_of(input).size(), counts);
  communicator.all_gather_ragged(detail::input_of(input), detail::wire_of(result.values),
                                 std::span<const std::int64_t>(counts));
  return result;
}

/// Borrows an input that has a name until `wait` returns; owns a temporary. Waits for the lengths of all ranks before
/// it returns.
template <Communicator C, Buffer In>
requires Gatherable<BufferElement<In>>
[[nodiscard]] auto all_gather_ragged_async(C& communicator, In&& input) {
  std::vector<std::int64_t> counts;
  auto result = detail::make_ragged<BufferElement<In>>(communicator, detail::elements_of(input).size(), counts);
  auto kept = detail::keep_input(std::forward<In>(input));
  auto pending = communicator.all_gather_ragged_async(kept.wire(), detail::wire_of(result.values),
                                                      std::span<const std::int64_t>(counts));
  return OwnedResult(std::move(pending), detail::Kept(std::move(result)),
                     detail::RaggedInput<decltype(kept)>{std::move(kept), std::move(counts)});
}

}  // namespace lockstep
