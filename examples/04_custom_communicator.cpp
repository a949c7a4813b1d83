// A communicator of your own: Metered<C> does what C does and keeps account of it.
//
// Everything in lockstep that talks between ranks is a template on a type that satisfies ls::Communicator
// (lockstep/comm/communicator.hpp, one page). Such a type is an engine of nine functions (lockstep/comm/engine.hpp) in
// the front that all communicators share, which checks arguments and knows the element types. There is nothing to
// register: write the engine, let the compiler check it, run the conformance suite, and pass the type on.
#include <lockstep/comm/engine.hpp>
#include <lockstep/comm/threads.hpp>
#include <lockstep/testing/communicator.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ls = lockstep;

struct Traffic {
  std::array<std::int64_t, 16> calls{};  // by ls::Collective
  std::int64_t bytes = 0;
  std::chrono::nanoseconds inside{0};
};

/// Moves nothing itself: an engine of another transport would do so in `start`, `finish` and `finished`.
template <ls::Communicator C>
class MeteredEngine {
 public:
  explicit MeteredEngine(C communicator) : communicator_(std::move(communicator)) {}

  int rank() const { return communicator_.rank(); }
  int size() const { return communicator_.size(); }

  // A call is a collective, its buffers as bytes, and the functions that combine elements of its type. The ticket names
  // it from then on; buffers belong to the engine until it is finished.
  std::uint64_t start(const ls::Call& call) {
    ++traffic_.calls[static_cast<std::size_t>(call.fingerprint.collective)];
    traffic_.bytes += static_cast<std::int64_t>(call.piece);
    return measure([&] { return ls::engine_of(communicator_).start(call); });
  }
  void finish(std::uint64_t ticket) {
    measure([&] { ls::engine_of(communicator_).finish(ticket); });
  }
  bool finished(std::uint64_t ticket) { return ls::engine_of(communicator_).finished(ticket); }
  void run(const ls::Call& call) { finish(start(call)); }
  void progress() { communicator_.progress(); }
  void abandon(const std::string& text) { ls::engine_of(communicator_).abandon(text); }
  void leave(bool after_exception) { ls::engine_of(communicator_).leave(after_exception); }

  C& communicator() { return communicator_; }
  const Traffic& traffic() const { return traffic_; }

 private:
  template <class Function>
  decltype(auto) measure(Function function) {
    using Clock = std::chrono::steady_clock;
    struct Stopwatch {  // stops when the call has ended, by an exception too
      Traffic& traffic;
      Clock::time_point begin = Clock::now();
      ~Stopwatch() { traffic.inside += Clock::now() - begin; }
    };
    const Stopwatch stopwatch{traffic_};
    return function();
  }

  C communicator_;
  Traffic traffic_;
};

/// The communicator: its engine, and the two members that make something new.
template <ls::Communicator C>
class Metered : public ls::EngineCommunicator<MeteredEngine<C>> {
  using Base = ls::EngineCommunicator<MeteredEngine<C>>;

 public:
  using Memory = typename C::Memory;

  explicit Metered(C communicator) : Base(ls::Shared<MeteredEngine<C>>::make(std::move(communicator))) {}

  Memory allocate(std::size_t bytes) { return this->engine().communicator().allocate(bytes); }
  Metered split(int color, int key) { return Metered(this->engine().communicator().split(color, key)); }

  const Traffic& traffic() const { return this->engine().traffic(); }
};

// If a member is missing or has another type, the error is here and names it.
static_assert(ls::CollectiveEngine<MeteredEngine<ls::Threads>>);
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
      std::printf("10 steps: %lld all-reduces, %lld bytes, %.3f ms inside calls\n",
                  static_cast<long long>(traffic.calls[static_cast<std::size_t>(ls::Collective::all_reduce)]),
                  static_cast<long long>(traffic.bytes), static_cast<double>(traffic.inside.count()) / 1e6);
    }
  });
}
