// How fast are matrix products, one thread, against Eigen and against what the processor can do? Prints GFLOP/s: the
// median and the best of interleaved rounds, so that a busy moment hits all contenders.
// Usage: matrix_product [rounds]
#include "eigen_engine.hpp"
#include <lockstep/kernels/cpu/matrix_product.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

namespace {

using benchmarks::EigenEngine;
using lockstep::MatrixProduct;
using lockstep::cpu::BlockedEngine;

struct Case {
  std::int64_t m, n, k;
};

/// Processor time of this thread: what other programs do meanwhile counts little.
double seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Seconds per call, over about `least` seconds.
template <class Call>
double time_of(Call call, double least) {
  for (std::int64_t count = 1;; count *= 2) {
    const double start = seconds();
    for (std::int64_t i = 0; i < count; ++i) call();
    const double elapsed = seconds() - start;
    if (elapsed >= least) return elapsed / static_cast<double>(count);
  }
}

/// Hides a value from the optimiser.
template <class Value>
void opaque(Value& value) {
  __asm__ volatile("" : "+m"(value));
}

/// The most multiply-adds that one core does: independent sums in registers, no memory.
template <class T>
[[gnu::noinline]] LOCKSTEP_WIDE_VECTORS double peak_gflops() {
  constexpr int sums = lockstep::cpu::packet_registers - 4;
  constexpr int steps = 20000;
  using Packet = lockstep::cpu::Packet<T>;
  Packet factor = Packet{} + T(0.999);
  double best = 1e9;
  for (int round = 0; round < 50; ++round) {
    Packet sum[sums];
    for (int i = 0; i < sums; ++i) {
      sum[i] = Packet{} + static_cast<T>(i);
      opaque(sum[i]);
    }
    const double start = seconds();
    for (int step = 0; step < steps; ++step) {
      LOCKSTEP_UNROLL
      for (int i = 0; i < sums; ++i) sum[i] = sum[i] * factor + factor;
    }
    for (int i = 0; i < sums; ++i) opaque(sum[i]);
    best = std::min(best, seconds() - start);
  }
  return 2e-9 * sums * steps * lockstep::cpu::packet_width<T> / best;
}

template <class T>
struct Contender {
  const char* name;
  void (*multiply)(const MatrixProduct<T>&, T*);
  std::vector<double> rates;
};

template <class T>
void compare(const char* type, int rounds) {
  const Case cases[] = {{256, 768, 768}, {1024, 512, 128}, {64, 64, 64},     {32, 256, 784},
                        {128, 10, 256},  {2048, 128, 512}, {256, 3072, 768}, {1, 768, 768}};
  std::printf("%s, peak %.1f GFLOP/s\n%-18s %-3s %10s %10s %10s %10s %7s\n", type, peak_gflops<T>(), "m x n x k", "op",
              "lockstep", "best", "Eigen", "best", "ratio");
  for (const Case& c : cases) {
    std::vector<T> a(static_cast<std::size_t>(c.m * c.k)), b(static_cast<std::size_t>(c.k * c.n));
    std::vector<T> result(static_cast<std::size_t>(c.m * c.n));
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<T>(i % 13) / 13 - T(0.5);
    for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<T>(i % 11) / 11 - T(0.5);
    for (int layout = 0; layout < 3; ++layout) {
      MatrixProduct<T> product{.m = c.m, .n = c.n, .k = c.k};
      product.transpose_a = layout == 2;
      product.transpose_b = layout == 1;
      product.a = a.data();
      product.b = b.data();
      product.c = result.data();
      product.lda = product.transpose_a ? c.m : c.k;
      product.ldb = product.transpose_b ? c.k : c.n;
      product.ldc = c.n;
      std::vector<T> workspace(static_cast<std::size_t>(BlockedEngine::workspace_size(product)));
      Contender<T> contenders[] = {{"lockstep", &BlockedEngine::multiply<T>, {}},
                                   {"Eigen", &EigenEngine::multiply<T>, {}}};
      const double work = 2e-9 * static_cast<double>(c.m) * static_cast<double>(c.n) * static_cast<double>(c.k);
      for (int round = 0; round < rounds; ++round) {
        for (auto& contender : contenders) {
          contender.rates.push_back(work / time_of([&] { contender.multiply(product, workspace.data()); }, 0.005));
        }
      }
      for (auto& contender : contenders) std::sort(contender.rates.begin(), contender.rates.end());
      const auto middle = static_cast<std::size_t>(rounds / 2);
      const double ours = contenders[0].rates[middle], eigen = contenders[1].rates[middle];
      char shape[64];
      std::snprintf(shape, sizeof shape, "%ldx%ldx%ld", static_cast<long>(c.m), static_cast<long>(c.n),
                    static_cast<long>(c.k));
      std::printf("%-18s %-3s %10.1f %10.1f %10.1f %10.1f %7.2f\n", shape,
                  layout == 0   ? "NN"
                  : layout == 1 ? "NT"
                                : "TN",
                  ours, contenders[0].rates.back(), eigen, contenders[1].rates.back(), ours / eigen);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 15;
  compare<float>("float32", rounds);
  compare<double>("float64", rounds);
}
