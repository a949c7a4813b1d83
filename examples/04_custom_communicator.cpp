// A communicator of your own: Metered<C> does what C does and keeps account of it.
//
// Everything in lockstep that talks between ranks is a template on a type that satisfies ls::Communicator
// (lockstep/comm/communicator.hpp, one page). There is nothing to inherit and nothing to register: write the members,
// let the compiler check them, run the conformance suite, and pass the type on.
#include <lockstep/comm/communicator.hpp>
#include <lockstep/comm/threads.hpp>
#include <lockstep/testing/communicator.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace ls = lockstep;

struct Traffic {
  std::int64_t calls = 0;
  std::int64_t bytes = 0;
  std::chrono::nanoseconds inside{0};
};

template <ls::Communicator C>
class Metered {
 public:
  // The types of memory and of pending results are the communicator's own choice. We take over C's.
  using Memory = typename C::Memory;
  using Pending = typename C::Pending;

  explicit Metered(C communicator) : communicator_(std::move(communicator)) {}

  const Traffic& traffic() const { return traffic_; }

  int rank() const { return communicator_.rank(); }
  int size() const { return communicator_.size(); }
  Memory allocate(std::size_t bytes) { return communicator_.allocate(bytes); }
  void barrier() {
    measure(0, [&] { communicator_.barrier(); });
  }
  void progress() { communicator_.progress(); }

  // Each collective is a template on the element type: float, double, int32, int64 and uint8.
  template <ls::Element T>
  void all_reduce(std::span<T> buffer, ls::Reduction reduction = ls::Reduction::sum) {
    measure(buffer.size_bytes(), [&] { communicator_.all_reduce(buffer, reduction); });
  }

  // The time until the result is waited for belongs to the caller and is not counted.
  template <ls::Element T>
  [[nodiscard]] Pending all_reduce_async(std::span<T> buffer, ls::Reduction reduction = ls::Reduction::sum) {
    return measure(buffer.size_bytes(), [&] { return communicator_.all_reduce_async(buffer, reduction); });
  }

  // std::type_identity_t keeps the input out of the deduction of T, so that a span<float> is taken for a
  // span<const float>.
  template <ls::Element T>
  void reduce_scatter(std::span<const std::type_identity_t<T>> input, std::span<T> output,
                      ls::Reduction reduction = ls::Reduction::sum) {
    measure(input.size_bytes(), [&] { communicator_.reduce_scatter(input, output, reduction); });
  }

  template <ls::Element T>
  void all_gather(std::span<const std::type_identity_t<T>> input, std::span<T> output) {
    measure(output.size_bytes(), [&] { communicator_.all_gather(input, output); });
  }

  template <ls::Element T>
  void all_gather_ragged(std::span<const std::type_identity_t<T>> input, std::span<T> output,
                         std::span<const std::int64_t> counts) {
    measure(output.size_bytes(), [&] { communicator_.all_gather_ragged(input, output, counts); });
  }

  template <ls::Element T>
  void broadcast(std::span<T> buffer, int root) {
    measure(buffer.size_bytes(), [&] { communicator_.broadcast(buffer, root); });
  }

 private:
  template <class Call>
  decltype(auto) measure(std::size_t bytes, Call call) {
    using Clock = std::chrono::steady_clock;
    struct Stopwatch {  // stops when the call has ended, by an exception too
      Traffic& traffic;
      Clock::time_point begin = Clock::now();
      ~Stopwatch() { traffic.inside += Clock::now() - begin; }
    };
    ++traffic_.calls;
    traffic_.bytes += static_cast<std::int64_t>(bytes);
    const Stopwatch stopwatch{traffic_};
    return call();
  }

  C communicator_;
  Traffic traffic_;
};

// If a member is missing or has another type, the error is here and names it.
static_assert(ls::Communicator<Metered<ls::Threads>>);

int main() {
  // Run the conformance suite on every rank of several worlds before trusting a communicator with a training run.
  for (const int size : {1, 2, 3, 4, 5}) {
    ls::launch_threads(size, [](ls::Threads communicator) {
      Metered metered(std::move(communicator));
      ls::testing::check_communicator(metered);
    });
    std::printf("%d rank%s: conforms\n", size, size == 1 ? "" : "s");
  }

  // What does a step of data-parallel training cost? Four gradient buckets of 1 MiB, reduced while others are pending.
  constexpr std::size_t bucket = 262'144, buckets = 4;
  ls::launch_threads(2, [](ls::Threads communicator) {
    Metered metered(std::move(communicator));
    auto memory = metered.allocate(bucket * buckets * sizeof(float));
    const std::span<float> gradients(reinterpret_cast<float*>(memory.data()), bucket * buckets);
    for (int step = 0; step < 10; ++step) {
      std::vector<Metered<ls::Threads>::Pending> pending;
      for (std::size_t i = 0; i < buckets; ++i) {
        pending.push_back(metered.all_reduce_async(gradients.subspan(i * bucket, bucket), ls::Reduction::mean));
      }
      for (auto& result : pending) result.wait();
    }
    if (metered.rank() == 0) {
      const Traffic& traffic = metered.traffic();
      std::printf("10 steps: %lld calls, %lld bytes, %.3f ms inside calls\n", static_cast<long long>(traffic.calls),
                  static_cast<long long>(traffic.bytes), static_cast<double>(traffic.inside.count()) / 1e6);
    }
  });
}
