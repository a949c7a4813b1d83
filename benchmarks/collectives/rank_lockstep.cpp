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

/// Copies as many bytes as the operation has in its longest buffer; the time is the floor for an all-reduce, which has
/// to read and write every byte once, too.
template <bool past_caches>
struct Copy {
  int rank_, size_;

  int rank() const { return rank_; }
  int size() const { return size_; }
  static constexpr bool supports(Operation operation) { return operation == Operation::send_receive; }
  static lockstep::AlignedMemory make(std::size_t bytes) { return lockstep::AlignedMemory(bytes); }

  static void run(Operation, std::span<float> input, std::span<float> output) {
#ifdef __SSE2__
    if constexpr (past_caches) {
      const auto* from = reinterpret_cast<const __m128i*>(input.data());
      auto* to = reinterpret_cast<__m128i*>(output.data());
      for (std::size_t i = 0; i < input.size_bytes() / 16; ++i) _mm_stream_si128(to + i, _mm_load_si128(from + i));
      _mm_sfence();
      return;
    }
#endif
    std::memcpy(output.data(), input.data(), input.size_bytes());
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
