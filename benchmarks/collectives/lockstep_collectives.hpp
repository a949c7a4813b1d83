// Any of lockstep's communicators as a contender.
#pragma once

#include "rank.hpp"
#include <lockstep/tensor/memory.hpp>

#include <cstddef>
#include <span>

namespace benchmarks {

/// With `own_memory`, buffers are from the communicator's allocate(); otherwise they are plain memory.
template <class Communicator, bool own_memory>
struct Collectives {
  Communicator communicator;

  int rank() const { return communicator.rank(); }
  int size() const { return communicator.size(); }
  static constexpr bool supports(Operation) { return true; }

  auto make(std::size_t bytes) {
    if constexpr (own_memory) {
      return communicator.allocate(bytes);
    } else {
      return lockstep::AlignedMemory(bytes);
    }
  }

  void run(Operation operation, std::span<float> input, std::span<float> output) {
    switch (operation) {
      case Operation::all_reduce:
        return communicator.all_reduce(input);
      case Operation::broadcast:
        return communicator.broadcast(input, 0);
      case Operation::reduce:
        return communicator.reduce(input, output, 0);
      case Operation::reduce_scatter:
        return communicator.reduce_scatter(input, output);
      case Operation::all_gather:
        return communicator.all_gather(input, output);
      case Operation::gather:
        return communicator.gather(input, rank() == 0 ? output : std::span<float>(), 0);
      case Operation::scatter:
        return communicator.scatter(rank() == 0 ? input : std::span<float>(), output, 0);
      case Operation::all_to_all:
        return communicator.all_to_all(input, output);
      case Operation::send_receive: {
        auto sent = communicator.send_async(input, (rank() + 1) % size());
        communicator.receive(output, (rank() + size() - 1) % size());
        return sent.wait();
      }
    }
  }
};

}  // namespace benchmarks
