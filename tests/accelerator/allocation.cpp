// Counts heap allocations of training steps: after the third step there are none.
#include "training.hpp"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

// Sanitizers bring an allocator of their own. GCC names them by macros, clang by features.
#if defined(__has_feature)
#define LOCKSTEP_TEST_HAS_FEATURE(feature) __has_feature(feature)
#else
#define LOCKSTEP_TEST_HAS_FEATURE(feature) 0
#endif
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !LOCKSTEP_TEST_HAS_FEATURE(address_sanitizer) && !LOCKSTEP_TEST_HAS_FEATURE(thread_sanitizer)

namespace {

std::atomic<long> allocations{0};
std::atomic<bool> counting{false};

void count() {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

// glibc's allocator under its other names, so that every malloc of the program passes through here.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);

void* malloc(std::size_t size) {
  count();
  return __libc_malloc(size);
}
void* calloc(std::size_t number, std::size_t size) {
  count();
  return __libc_calloc(number, size);
}
void* realloc(void* block, std::size_t size) {
  count();
  return __libc_realloc(block, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  count();
  return ::memalign(alignment, size);
}
}

using namespace lockstep;
using namespace lockstep::testing;

TEST_CASE("the counter counts") {
  counting = true;
  const long before = allocations;
  int* volatile number = new int(1);  // volatile: the compiler may leave out what nobody sees
  delete number;
  void* volatile block = std::malloc(16);
  std::free(block);
  counting = false;
  CHECK(allocations - before == 2);
}

namespace {

/// Trains 23 steps and counts allocations of the last 20, of all threads of this process.
template <class AcceleratorType>
void count_steps(AcceleratorType& accelerator, std::int64_t prefetch) {
  static const auto dataset = test_data(400);
  auto [model, optimizer, loader, schedule] = accelerator.prepare(
      TestNet(0.1), AdamW{}, DataLoader{dataset, {.batch_size = 4, .shuffle = true, .prefetch = prefetch}},
      cosine_with_warmup(2, 100));
  const auto switch_counting = [&](bool on) {
    accelerator.wait_for_everyone();
    counting = on;
    accelerator.wait_for_everyone();
  };
  std::int64_t step = 0;
  for (auto& batch : loader) {
    if (step == 3) switch_counting(true);
    accelerator.backward(cross_entropy(model(batch.inputs), batch.targets));
    accelerator.clip_grad_norm(model, 1.0);
    optimizer.step();
    schedule.step();
    optimizer.zero_grad();
    if (++step == 23) break;
  }
  switch_counting(false);
}

}  // namespace

TEST_CASE("after the third step a training step allocates nothing, at 1 and 2 ranks, threads and processes") {
  for (const int ranks : {1, 2}) {
    for (const std::int64_t prefetch : {0, 2}) {
      CAPTURE(ranks);
      CAPTURE(prefetch);
      allocations = 0;
      launch_threads(ranks, [&](Threads communicator) {
        Accelerator<CpuThreads> accelerator(std::move(communicator));
        count_steps(accelerator, prefetch);
      });
      CHECK(allocations == 0);

      const std::string name = concat("allocation-test-", ::getpid(), "-", ranks, "-", prefetch);
      Processes processes(ranks, [&](int rank) {
        Accelerator<CpuRing> accelerator(Ring(RingOptions{.rank = rank, .size = ranks, .name = name}));
        count_steps(accelerator, prefetch);
        return concat(allocations.load(), " allocations");
      });
      for (const ProcessResult& result : processes.wait_all()) CHECK(result.text == "0 allocations");
    }
  }
}

#endif
