// Very many small all-reduces in a row: their times must not drift, and nothing may pile up.
#pragma once

#include "contender.hpp"
#include "statistics.hpp"

#include <algorithm>
#include <cstdio>

namespace benchmarks {

/// Prints a line per block; returns the elements that were wrong before and after.
inline std::uint64_t endure(Contender& contender, std::uint64_t calls) {
  constexpr std::uint64_t block = 1'000'000, calls_per_sample = 1000;
  constexpr std::size_t bytes = 8;
  const auto say_resources = [&](const char* when) {
    const Reply reply = contender.ask({Task::resources});
    std::printf("%s: %llu descriptors and %.1f MiB, all ranks together\n", when,
                static_cast<unsigned long long>(reply.descriptors), static_cast<double>(reply.resident_bytes) / 0x1p20);
  };
  std::printf("\n%s, %d ranks: %llu all-reduces of %zu bytes\n", contender.label().c_str(), contender.size(),
              static_cast<unsigned long long>(calls), bytes);
  std::uint64_t wrong = contender.ask({Task::prepare, Operation::all_reduce, bytes}).wrong;
  contender.time(Operation::all_reduce, 10, calls_per_sample);
  say_resources("before");
  std::printf("%12s %12s %12s %12s\n", "calls", "minimum us", "median us", "99 % us");
  for (std::uint64_t done = 0; done < calls;) {
    const std::uint64_t now = std::min(block, calls - done);
    const std::uint64_t samples = std::max<std::uint64_t>(1, now / calls_per_sample);
    std::vector<double> times = contender.time(Operation::all_reduce, samples, std::min(now, calls_per_sample));
    const Statistics statistics = statistics_of(times);
    done += now;
    std::printf("%12llu %12.3f %12.3f %12.3f\n", static_cast<unsigned long long>(done), 1e6 * statistics.minimum,
                1e6 * statistics.median, 1e6 * statistics.percentile_99);
    std::fflush(stdout);
  }
  say_resources("after");
  wrong += contender.ask({Task::time}).wrong;
  std::printf("wrong elements: %llu\n", static_cast<unsigned long long>(wrong));
  return wrong;
}

}  // namespace benchmarks
