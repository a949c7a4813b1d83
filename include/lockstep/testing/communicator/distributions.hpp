// broadcast, scatter and all_to_all: buffers that go from one rank to others.
#pragma once

#include <lockstep/comm/communicator.hpp>
#include <lockstep/testing/communicator/expect.hpp>
#include <lockstep/testing/communicator/values.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace lockstep::testing {

/// Every rank is root once.
template <Communicator C>
void check_broadcast(C& communicator) {
  detail::for_each_element_type([&]<class T>(T) {
    for (const std::size_t count : detail::lengths<T>()) {
      detail::on_both_memories<T>(communicator, count, [&](std::span<T> buffer) {
        for (int root = 0; root < communicator.size(); ++root) {
          detail::fill_marks(buffer, communicator.rank());
          communicator.broadcast(buffer, root);
          detail::expect_elements(
              buffer, [&](std::size_t i) { return detail::mark<T>(root, i); }, "broadcast", communicator, "from rank ",
              root);
        }
      });
    }
  });
}

/// From each rank, into other memory and into the piece of the input where it comes from.
template <Communicator C>
void check_scatter(C& communicator) {
  const char* check = "scatter";
  const auto size = static_cast<std::size_t>(communicator.size());
  const auto rank = static_cast<std::size_t>(communicator.rank());
  int root = 0;
  detail::for_each_element_type([&]<class T>(T) {
    for (const std::size_t count : detail::lengths<T>()) {
      root = (root + 1) % communicator.size();
      const bool is_root = communicator.rank() == root;
      const auto expected = [&](std::size_t i) { return detail::mark<T>(root, rank * count + i); };
      detail::on_both_memories<T>(communicator, count * size, [&](std::span<T> memory) {
        for (const bool in_place : {false, true}) {
          detail::fill_marks(memory, communicator.rank());
          std::vector<T> other(count);
          const std::span<T> output = in_place ? memory.subspan(rank * count, count) : std::span<T>(other);
          communicator.scatter(is_root ? memory : std::span<T>(), output, root);
          detail::expect_elements(output, expected, check, communicator, "from rank ", root);
          if (!is_root) continue;
          detail::expect_elements(
              memory, [&](std::size_t i) { return detail::mark<T>(root, i); }, check, communicator,
              "the input, after it was scattered");
        }
      });
    }
  });
}

/// Every piece tells where it comes from and where it goes.
template <Communicator C>
void check_all_to_all(C& communicator) {
  const char* check = "all_to_all";
  const int size = communicator.size();
  const auto pieces = static_cast<std::size_t>(size);
  detail::for_each_element_type([&]<class T>(T) {
    for (const std::size_t count : detail::lengths<T>()) {
      const auto piece = [&](std::span<T> buffer, int rank) {
        return buffer.subspan(static_cast<std::size_t>(rank) * count, count);
      };
      detail::on_both_memories<T>(communicator, 2 * count * pieces, [&](std::span<T> memory) {
        const std::span<T> input = memory.first(count * pieces), output = memory.last(count * pieces);
        for (int peer = 0; peer < size; ++peer) {
          detail::fill_marks(piece(input, peer), communicator.rank() * size + peer);
          detail::fill_marks(piece(output, peer), 126);
        }
        communicator.all_to_all(input, output);
        for (int peer = 0; peer < size; ++peer) {
          detail::expect_elements(
              piece(output, peer), [&](std::size_t i) { return detail::mark<T>(peer * size + communicator.rank(), i); },
              check, communicator, "the piece from rank ", peer);
          detail::expect_elements(
              piece(input, peer), [&](std::size_t i) { return detail::mark<T>(communicator.rank() * size + peer, i); },
              check, communicator, "the input, after it was sent to rank ", peer);
        }
      });
    }
  });
}

}  // namespace lockstep::testing
