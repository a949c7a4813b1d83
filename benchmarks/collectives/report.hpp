// The results as a table on the terminal and as JSON.
#pragma once

#include "measure.hpp"

#include <cstdio>
#include <string>
#include <vector>

namespace benchmarks {

inline std::string bytes_text(std::size_t bytes) {
  const char* units[] = {"", " KiB", " MiB", " GiB"};
  int unit = 0;
  while (unit < 3 && bytes >= 1024 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes) + units[unit];
}

inline void print_heading(Operation operation, int size) {
  std::printf("\n%s, %d ranks, float32 sum\n", to_string(operation), size);
  std::printf("%10s  %-14s %12s %12s %12s %10s %10s %8s %7s %6s\n", "bytes", "contender", "minimum us", "median us",
              "99 % us", "alg GB/s", "bus GB/s", "times", "floor", "wrong");
}

/// The rows of one size, the first contender's first.
inline void print_rows(const std::vector<Result>& results) {
  for (const Result& result : results) {
    const bool first = &result == &results.front();
    std::printf("%10s  %-14s %12.2f %12.2f %12.2f %10.3f %10.3f %8.2f", first ? bytes_text(result.bytes).c_str() : "",
                result.contender.c_str(), 1e6 * result.seconds.minimum, 1e6 * result.seconds.median,
                1e6 * result.seconds.percentile_99, 1e-9 * result.algorithm_bandwidth(), 1e-9 * result.bus_bandwidth(),
                result.times_first);
    if (result.floor_share > 0) {
      std::printf(" %5.0f %%", 100 * result.floor_share);
    } else {
      std::printf(" %7s", "");
    }
    std::printf(" %6llu\n", static_cast<unsigned long long>(result.wrong));
  }
  if (!results.empty() && results.front().floor_share > 0) {
    std::printf("%10s  %-14s %.1f GB/s read and written when all ranks copy; in the last rounds %.1f\n", "", "(memory)",
                1e-9 * results.front().copy_before, 1e-9 * results.front().copy_after);
  }
  std::fflush(stdout);
}

inline std::string processor_name() {
  const std::string text = lockstep::read_file("/proc/cpuinfo");
  const std::size_t begin = text.find("model name");
  if (begin == std::string::npos) return "unknown";
  const std::size_t colon = text.find(": ", begin);
  return text.substr(colon + 2, text.find('\n', colon) - colon - 2);
}

inline std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') result += '\\';
    result += static_cast<unsigned char>(letter) < 32 ? ' ' : letter;
  }
  return result + '"';
}

/// Times in seconds, bandwidths in bytes per second.
inline void write_json(const std::string& path, const std::vector<Result>& results, int rounds) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) throw lockstep::io_error("write", path);
  std::fprintf(file, "{\n  \"processor\": %s,\n  \"processors\": %ld,\n  \"rounds\": %d,\n  \"results\": [",
               quoted(processor_name()).c_str(), ::sysconf(_SC_NPROCESSORS_ONLN), rounds);
  for (const Result& result : results) {
    std::fprintf(file, "%s\n    {\"operation\": \"%s\", \"ranks\": %d, \"bytes\": %zu, \"contender\": %s,",
                 &result == results.data() ? "" : ",", to_string(result.operation), result.size, result.bytes,
                 quoted(result.contender).c_str());
    std::fprintf(file, " \"samples\": %zu, \"minimum\": %.9g, \"median\": %.9g, \"percentile_99\": %.9g,",
                 result.seconds.samples, result.seconds.minimum, result.seconds.median, result.seconds.percentile_99);
    std::fprintf(file, " \"algorithm_bandwidth\": %.6g, \"bus_bandwidth\": %.6g, \"times_first\": %.4g,",
                 result.algorithm_bandwidth(), result.bus_bandwidth(), result.times_first);
    if (result.floor_share > 0) {
      std::fprintf(file, " \"floor_share\": %.4g, \"copy_bandwidth_before\": %.6g, \"copy_bandwidth_after\": %.6g,",
                   result.floor_share, result.copy_before, result.copy_after);
    }
    std::fprintf(file, " \"wrong\": %llu}", static_cast<unsigned long long>(result.wrong));
  }
  const bool written = std::fprintf(file, "\n  ]\n}\n") > 0;
  if (std::fclose(file) != 0 || !written) throw lockstep::io_error("write", path);
}

}  // namespace benchmarks
