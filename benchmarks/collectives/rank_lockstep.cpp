// One rank of lockstep's communicators, or of what they are compared with: what the memory can do.
// Usage: collectives_lockstep SOCKET PAGE FOLDER RANK SIZE KIND; the benchmark starts it. KIND is
//   ring       processes, buffers from allocate()
//   ring-heap  processes, buffers from the heap, which peers cannot reach
//   threads    threads of this process; RANK is not used
//   copy       no communication: every rank copies its input, the way memcpy does it or past the caches
#include "lockstep_collectives.hpp"
#include <lockstep/comm/ring.hpp>
#include <lockstep/comm/threads.hpp>
#include <lockstep/tensor/memory.hpp>

#include <cstdlib>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace {

using benchmarks::Collectives;
using benchmarks::Operation;

/// Copies one half of a buffer over the other, and back: as an all-reduce of the buffer, it reads and writes every byte
/// of it once and touches nothing else, so the time is the floor.
template <bool past_caches>
struct Copy {
  static constexpr bool runs_alone = true;
  int rank_, size_;

  int rank() const { return rank_; }
  int size() const { return size_; }
  static constexpr bool supports(Operation operation) { return operation == Operation::all_reduce; }
  static lockstep::AlignedMemory make(std::size_t bytes) { return lockstep::AlignedMemory(bytes); }

  static void run(Operation, std::span<float> input, std::span<float>) {
    const std::size_t half = input.size() / 32 * 16;  // whole cache lines
    copy(input.data() + half, input.data(), half * sizeof(float));
    copy(input.data(), input.data() + half, half * sizeof(float));
  }

 private:
  static void copy(float* output, const float* input, std::size_t bytes) {
#ifdef __SSE2__
    if constexpr (past_caches) {
      const auto* from = reinterpret_cast<const __m128i*>(input);
      auto* to = reinterpret_cast<__m128i*>(output);
      for (std::size_t i = 0; i < bytes / 16; ++i) _mm_stream_si128(to + i, _mm_loadu_si128(from + i));
      _mm_sfence();
      return;
    }
#endif
    std::memcpy(output, input, bytes);
  }
};

template <class Contender>
void serve(Contender contender, char** arguments) {
  benchmarks::Rank<Contender>(contender, arguments[1], arguments[2]).serve();
}

void run(char** arguments) {
  const int rank = std::atoi(arguments[4]), size = std::atoi(arguments[5]);
  const std::string kind = arguments[6];
  if (kind == "copy") return serve(Copy<false>{rank, size}, arguments);
  if (kind == "copy-streaming") return serve(Copy<true>{rank, size}, arguments);
  if (kind == "threads") {
    return lockstep::launch_threads(size, [&](lockstep::Threads threads) {
      serve(Collectives<lockstep::Threads, true>{std::move(threads)}, arguments);
    });
  }
  lockstep::Ring ring(lockstep::RingOptions{.rank = rank, .size = size, .name = arguments[1] + std::string("-ring")});
  if (kind == "ring") return serve(Collectives<lockstep::Ring, true>{std::move(ring)}, arguments);
  if (kind == "ring-heap") return serve(Collectives<lockstep::Ring, false>{std::move(ring)}, arguments);
  throw lockstep::ArgumentError(lockstep::concat("no communicator is called '", kind, "'"));
}

}  // namespace

int main(int argument_count, char** arguments) {
  return benchmarks::rank_main("collectives_lockstep", [&] {
    if (argument_count != 7) throw lockstep::ArgumentError("this program is started by the benchmark collectives");
    run(arguments);
  });
}
