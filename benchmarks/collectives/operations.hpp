// The operations that are measured: how long their buffers are, what bandwidth means for them, and known values by
// which every element of a result can be checked.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace benchmarks {

enum class Operation : std::int32_t {
  all_reduce,
  reduce,
  reduce_scatter,
  all_gather,
  broadcast,
  gather,
  scatter,
  all_to_all,
  send_receive,
};

inline constexpr std::array operation_names{"all_reduce", "reduce",  "reduce_scatter", "all_gather",  "broadcast",
                                            "gather",     "scatter", "all_to_all",     "send_receive"};

inline const char* to_string(Operation operation) { return operation_names[static_cast<std::size_t>(operation)]; }

inline std::optional<Operation> operation_named(std::string_view name) {
  for (std::size_t i = 0; i < operation_names.size(); ++i) {
    if (name == operation_names[i]) return static_cast<Operation>(i);
  }
  return std::nullopt;
}

/// Elements of one rank's buffers. An operation in place has no output.
struct Lengths {
  std::size_t input = 0, output = 0;
};

/// `bytes` is the longest buffer of any rank, as in nccl-tests; operations on pieces need one element per rank.
inline Lengths lengths_of(Operation operation, std::size_t bytes, int size) {
  const std::size_t count = bytes / sizeof(float);
  const std::size_t piece = count / static_cast<std::size_t>(size), whole = piece * static_cast<std::size_t>(size);
  switch (operation) {
    case Operation::all_reduce:
    case Operation::broadcast:
      return {count, 0};
    case Operation::reduce:
    case Operation::send_receive:
      return {count, count};
    case Operation::reduce_scatter:
    case Operation::scatter:
      return {whole, piece};
    case Operation::all_gather:
    case Operation::gather:
      return {piece, whole};
    case Operation::all_to_all:
      return {whole, whole};
  }
  return {};
}

/// What nccl-tests multiplies bytes / time with, so that the limit of the hardware is the same for any number of ranks.
inline double bus_factor(Operation operation, int size) {
  const double ranks = size;
  switch (operation) {
    case Operation::all_reduce:
      return 2 * (ranks - 1) / ranks;
    case Operation::reduce_scatter:
    case Operation::all_gather:
    case Operation::gather:
    case Operation::scatter:
    case Operation::all_to_all:
      return (ranks - 1) / ranks;
    case Operation::reduce:
    case Operation::broadcast:
    case Operation::send_receive:
      return 1;
  }
  return 1;
}

/// Element `index` of a rank's input: small whole numbers, whose sums are exact in any order.
inline float known_value(int rank, std::size_t index) {
  return static_cast<float>((index * 7 + static_cast<std::size_t>(rank) * 13) % 31);
}

inline void fill_input(std::span<float> input, int rank) {
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = known_value(rank, i);
}

/// Elements of a rank's result that are not what they have to be, when root is rank 0.
inline std::uint64_t count_wrong(Operation operation, int rank, int size, std::span<const float> input,
                                 std::span<const float> output) {
  const std::size_t ranks = static_cast<std::size_t>(size);
  const auto sum = [&](std::size_t index) {
    float total = 0;
    for (int peer = 0; peer < size; ++peer) total += known_value(peer, index);
    return total;
  };
  const std::size_t own = static_cast<std::size_t>(rank);
  const std::size_t piece =
      operation == Operation::scatter || operation == Operation::reduce_scatter ? output.size() : output.size() / ranks;
  const auto expected = [&](std::size_t i) {
    switch (operation) {
      case Operation::all_reduce:
      case Operation::reduce:
        return sum(i);
      case Operation::broadcast:
        return known_value(0, i);
      case Operation::reduce_scatter:
        return sum(own * piece + i);
      case Operation::scatter:
        return known_value(0, own * piece + i);
      case Operation::all_gather:
      case Operation::gather:
        return known_value(static_cast<int>(i / piece), i % piece);
      case Operation::all_to_all:
        return known_value(static_cast<int>(i / piece), own * piece + i % piece);
      case Operation::send_receive:
        return known_value((rank + size - 1) % size, i);
    }
    return 0.0f;
  };
  const bool only_root = operation == Operation::reduce || operation == Operation::gather;
  if (only_root && rank != 0) return 0;
  const bool in_place = operation == Operation::all_reduce || operation == Operation::broadcast;
  const std::span<const float> result = in_place ? input : output;
  std::uint64_t wrong = 0;
  for (std::size_t i = 0; i < result.size(); ++i) wrong += result[i] != expected(i);
  return wrong;
}

}  // namespace benchmarks
