// Buffers whose length does not fit into 31 bits.
#pragma once

#include <lockstep/comm/communicator.hpp>
#include <lockstep/testing/communicator/expect.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace lockstep::testing {

/// Every collective that can work in place, and a message, on 2^31 + 8 bytes: takes some seconds, and 2 GiB of memory
/// for each rank. No part of `check_communicator`; two ranks are enough.
template <Communicator C>
void check_large(C& communicator) {
  const char* check = "large";
  const int size = communicator.size(), rank = communicator.rank();
  constexpr std::size_t length = (std::size_t{1} << 31) + 8, block = 1'000'003;
  std::vector<std::uint8_t> memory(length + static_cast<std::size_t>(size - 1));
  const std::span<std::uint8_t> all(memory), buffer = all.first(length);
  const auto value = [](int source, std::size_t number) {
    return static_cast<std::uint8_t>(number * 7 + static_cast<std::size_t>(source) * 97);
  };
  const auto fill = [&](std::span<std::uint8_t> to, int source) {
    for (std::size_t begin = 0; begin < to.size(); begin += block) {
      std::memset(to.data() + begin, value(source, begin / block), std::min(block, to.size() - begin));
    }
  };
  const auto verify = [&](std::span<const std::uint8_t> got, auto expected, const char* collective) {
    for (std::size_t begin = 0; begin < got.size(); begin += block) {
      const std::span<const std::uint8_t> part = got.subspan(begin, std::min(block, got.size() - begin));
      const std::uint8_t wanted = expected(begin / block);
      detail::expect(part[0] == wanted && std::memcmp(part.data(), part.data() + 1, part.size() - 1) == 0, check,
                     communicator, collective, ": bytes ", begin, " to ", begin + part.size() - 1,
                     " are not all equal to ", int{wanted});
    }
  };
  const auto of_rank = [&](int source) { return [=](std::size_t number) { return value(source, number); }; };
  const auto largest = [&](std::size_t number) {
    std::uint8_t result = 0;
    for (int source = 0; source < size; ++source) result = std::max(result, value(source, number));
    return result;
  };

  fill(buffer, rank);
  communicator.all_reduce(buffer, Reduction::max);
  verify(buffer, largest, "all_reduce");

  fill(buffer, rank);
  communicator.reduce(buffer, buffer, size - 1, Reduction::max);
  if (rank == size - 1) verify(buffer, largest, "reduce");

  fill(buffer, rank);
  communicator.broadcast(buffer, size - 1);
  verify(buffer, of_rank(size - 1), "broadcast");

  // Rank 0 brings all but one byte for each other rank.
  std::vector<std::int64_t> counts(static_cast<std::size_t>(size), 1);
  counts[0] = static_cast<std::int64_t>(length);
  const std::span<std::uint8_t> own = rank == 0 ? buffer : all.subspan(length + static_cast<std::size_t>(rank - 1), 1);
  fill(all, 126);
  fill(own, rank);
  communicator.all_gather_ragged(own, all, std::span<const std::int64_t>(counts));
  verify(buffer, of_rank(0), "all_gather_ragged");
  for (int source = 1; source < size; ++source) {
    verify(all.subspan(length + static_cast<std::size_t>(source - 1), 1), of_rank(source), "all_gather_ragged");
  }

  if (size > 1 && rank < 2) {
    fill(buffer, rank);
    if (rank == 0) communicator.send(std::span<const std::uint8_t>(buffer), 1);
    if (rank == 1) {
      communicator.receive(buffer, 0);
      verify(buffer, of_rank(0), "a message");
    }
  }
  communicator.barrier();
}

}  // namespace lockstep::testing
