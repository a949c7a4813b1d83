// What is said about many times of the same thing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace benchmarks {

struct Statistics {
  double minimum = 0, median = 0, percentile_99 = 0;
  std::size_t samples = 0;
};

/// Sorts the times.
inline Statistics statistics_of(std::vector<double>& times) {
  if (times.empty()) return {};
  std::sort(times.begin(), times.end());
  const auto at = [&](double fraction) {
    return times[static_cast<std::size_t>(fraction * static_cast<double>(times.size() - 1) + 0.5)];
  };
  return {times.front(), at(0.5), at(0.99), times.size()};
}

}  // namespace benchmarks
