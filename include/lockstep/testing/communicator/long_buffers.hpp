// Buffers that are longer than what any implementation moves in one go, at addresses that fit no machine word.
#pragma once

#include <lockstep/comm/communicator.hpp>
#include <lockstep/testing/communicator/expect.hpp>
#include <lockstep/testing/communicator/gathers.hpp>
#include <lockstep/testing/communicator/values.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace lockstep::testing {

/// Every collective, for elements of one, two and four bytes, in both kinds of memory at odd elements.
template <Communicator C>
void check_long_buffers(C& communicator) {
  const char* check = "long buffers";
  const int size = communicator.size(), rank = communicator.rank(), root = size / 2;
  const auto ranks = static_cast<std::size_t>(size), own = static_cast<std::size_t>(rank);
  const std::size_t piece = 400'009 / ranks | 1, whole = piece * ranks;
  const auto check_type = [&]<class T>(T) {
    const auto small = [&](std::size_t first) { return detail::expected_small<T>(Reduction::max, size, first); };
    detail::on_both_memories<T>(communicator, 2 * whole + 1, [&](std::span<T> memory) {
      // One input on an odd element and one output on an even one, or the other way round.
      const std::span<T> input = memory.first(whole), output = memory.last(whole), part = output.first(piece);
      const auto marks_of = [](int source, std::size_t first) {
        return [=](std::size_t i) { return detail::mark<T>(source, first + i); };
      };

      detail::fill_small(input, rank);
      communicator.reduce(input, output, root, Reduction::max);
      if (rank == root) detail::expect_elements(output, small(0), check, communicator, "reduce");
      communicator.reduce_scatter(input, part, Reduction::max);
      detail::expect_elements(part, small(own * piece), check, communicator, "reduce_scatter");
      communicator.all_reduce(input, Reduction::max);
      detail::expect_elements(input, small(0), check, communicator, "all_reduce");

      detail::fill_marks(input, rank);
      communicator.all_to_all(input, output);
      for (int source = 0; source < size; ++source) {
        const std::span<T> from = output.subspan(static_cast<std::size_t>(source) * piece, piece);
        detail::expect_elements(from, marks_of(source, own * piece), check, communicator, "all_to_all, rank ", source);
      }
      communicator.scatter(rank == root ? input : std::span<T>(), part, root);
      detail::expect_elements(part, marks_of(root, own * piece), check, communicator, "scatter");
      communicator.all_gather(input.first(piece), output);
      detail::expect_gathered(output, piece, check, communicator);
      detail::fill_marks(output, 126);
      communicator.gather(input.first(piece), rank == root ? output : std::span<T>(), root);
      if (rank == root) detail::expect_gathered(output, piece, check, communicator);
      communicator.broadcast(input, root);
      detail::expect_elements(input, marks_of(root, 0), check, communicator, "broadcast");
    });
  };
  check_type(std::uint8_t{});
  check_type(Float16{});
  check_type(float{});
}

}  // namespace lockstep::testing
