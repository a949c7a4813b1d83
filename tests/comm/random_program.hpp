// Runs the same random collectives on every rank, with lengths, memories and moments that differ, and checks the
// results.
#pragma once

#include <lockstep/comm/communicator.hpp>
#include <lockstep/core/error.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace lockstep::testing {

struct RandomBits {
  std::uint64_t state;
  std::uint64_t operator()(std::uint64_t bound) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % bound;
  }
};

/// Values are small integers, so that every order of summing gives the same.
template <Communicator C>
void run_random_program(C& communicator, std::uint64_t seed, int operations) {
  const auto rank = static_cast<std::size_t>(communicator.rank()), size = static_cast<std::size_t>(communicator.size());
  RandomBits common{seed * 77 + 1};            // the same on all ranks
  RandomBits own{seed * 1000 + rank * 7 + 5};  // of this rank only
  constexpr std::size_t longest = 50'000;
  const auto value = [&](std::size_t from, std::size_t index, std::uint64_t tag) {
    return static_cast<float>((from * 31 + index * 7 + tag * 13) % 100);
  };
  const auto sum = [&](std::size_t index, std::uint64_t tag) {
    float total = 0;
    for (std::size_t from = 0; from < size; ++from) total += value(from, index, tag);
    return total;
  };
  const auto expect = [&](bool right, const char* what, std::uint64_t tag, std::size_t index) {
    if (!right) throw Error(concat("seed ", seed, ", operation ", tag, ": ", what, " is wrong at ", index));
  };

  // A buffer is a piece of shared or of heap memory, chosen by each rank for itself.
  constexpr std::size_t places = 150;
  auto shared = communicator.allocate(places * longest * sizeof(float));
  std::vector<float> heap(places * longest);
  struct Pending {
    typename C::Pending result;
    std::span<float> buffer;
    std::uint64_t tag;
  };
  std::deque<Pending> pending;
  const auto settle = [&](Pending& oldest) {
    oldest.result.wait();
    for (std::size_t i = 0; i < oldest.buffer.size(); ++i) {
      expect(oldest.buffer[i] == sum(i, oldest.tag), "all_reduce_async", oldest.tag, i);
    }
  };
  for (std::uint64_t tag = 0; tag < static_cast<std::uint64_t>(operations); ++tag) {
    const std::uint64_t magnitudes[] = {3, 13, 100, 600, 5000, longest / size};
    const std::size_t count = common(magnitudes[common(6)] + 1);
    float* memory = own(2) == 0 ? reinterpret_cast<float*>(shared.data()) : heap.data();
    const std::size_t offset = (tag % places) * longest;
    if (own(20) == 0) ::usleep(static_cast<useconds_t>(own(300)));
    if (own(5) == 0) communicator.progress();
    switch (common(7)) {
      case 0:
      case 1: {
        const std::span<float> buffer(memory + offset, count);
        for (std::size_t i = 0; i < count; ++i) buffer[i] = value(rank, i, tag);
        pending.push_back({communicator.all_reduce_async(buffer, Reduction::sum), buffer, tag});
        break;
      }
      case 2: {
        const std::span<float> buffer(memory + offset, count);
        for (std::size_t i = 0; i < count; ++i) buffer[i] = value(rank, i, tag);
        communicator.all_reduce(buffer);
        for (std::size_t i = 0; i < count; ++i) expect(buffer[i] == sum(i, tag), "all_reduce", tag, i);
        break;
      }
      case 3: {
        const std::span<float> input(memory + offset, count * size);
        for (std::size_t i = 0; i < input.size(); ++i) input[i] = value(rank, i, tag);
        const std::span<float> output = input.subspan(rank * count, count);
        communicator.reduce_scatter(input, output, Reduction::sum);
        for (std::size_t i = 0; i < count; ++i)
          expect(output[i] == sum(rank * count + i, tag), "reduce_scatter", tag, i);
        break;
      }
      case 4: {
        const std::span<float> output(memory + offset, count * size);
        const std::span<float> input = output.subspan(rank * count, count);
        for (std::size_t i = 0; i < count; ++i) input[i] = value(rank, i, tag);
        communicator.all_gather(input, output);
        for (std::size_t i = 0; i < output.size(); ++i) {
          expect(output[i] == value(i / count, i % count, tag), "all_gather", tag, i);
        }
        break;
      }
      case 5: {
        const auto root = static_cast<std::size_t>(common(size));
        const std::span<float> buffer(memory + offset, count);
        for (std::size_t i = 0; i < count; ++i) buffer[i] = value(rank, i, tag);
        communicator.broadcast(buffer, static_cast<int>(root));
        for (std::size_t i = 0; i < count; ++i) expect(buffer[i] == value(root, i, tag), "broadcast", tag, i);
        break;
      }
      default: {
        std::vector<std::int64_t> counts;
        for (std::size_t from = 0; from < size; ++from) counts.push_back(static_cast<std::int64_t>(common(count + 1)));
        const std::span<float> input(memory + offset, static_cast<std::size_t>(counts[rank]));
        for (std::size_t i = 0; i < input.size(); ++i) input[i] = value(rank, i, tag);
        std::size_t total = 0;
        for (const std::int64_t each : counts) total += static_cast<std::size_t>(each);
        std::vector<float> output(total);
        communicator.all_gather_ragged(input, std::span<float>(output), counts);
        std::size_t position = 0;
        for (std::size_t from = 0; from < size; ++from) {
          for (std::size_t i = 0; i < static_cast<std::size_t>(counts[from]); ++i, ++position) {
            expect(output[position] == value(from, i, tag), "all_gather_ragged", tag, position);
          }
        }
      }
    }
    // Each rank waits when it likes, but before the place of a pending buffer is used again.
    while (!pending.empty() && (pending.front().tag + places - 1 <= tag || own(10) == 0)) {
      settle(pending.front());
      pending.pop_front();
    }
  }
  for (Pending& result : pending) settle(result);
}

}  // namespace lockstep::testing
