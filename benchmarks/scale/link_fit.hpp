// The cost model that explains measured times.
#pragma once

#include <lockstep/comm/schedule/choose.hpp>
#include <lockstep/comm/schedule/link_model.hpp>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace scale {

struct Measured {
  std::uint64_t bytes = 0;
  double seconds = 0;
};

/// Reads lines "bytes microseconds", or the JSON of the benchmark `collectives`, of which the all_reduce medians of
/// `contender` on `ranks` ranks are taken.
inline std::vector<Measured> read_measurements(const std::string& path, const std::string& contender, int ranks) {
  std::vector<Measured> measured;
  std::FILE* file = std::fopen(path.c_str(), "r");
  if (file == nullptr) return measured;
  char line[4096];
  while (std::fgets(line, sizeof line, file) != nullptr) {
    const std::string text = line;
    const auto number_after = [&](const char* key) {
      const std::size_t at = text.find(key);
      return at == std::string::npos ? -1.0 : std::strtod(text.c_str() + at + std::string(key).size(), nullptr);
    };
    if (text.find("\"operation\"") == std::string::npos) {
      unsigned long long bytes = 0;
      double microseconds = 0;
      if (std::sscanf(line, "%llu %lf", &bytes, &microseconds) == 2) measured.push_back({bytes, microseconds * 1e-6});
    } else if (text.find("\"operation\": \"all_reduce\"") != std::string::npos &&
               text.find("\"contender\": \"" + contender + "\"") != std::string::npos &&
               static_cast<int>(number_after("\"ranks\": ")) == ranks) {
      measured.push_back({static_cast<std::uint64_t>(number_after("\"bytes\": ")), number_after("\"median\": ")});
    }
  }
  std::fclose(file);
  return measured;
}

/// What the model predicts for an all_reduce on `ranks` ranks.
inline double predicted_seconds(const lockstep::detail::LinkModel& link, int ranks, std::uint64_t bytes) {
  lockstep::detail::CollectivePart part;
  part.size = ranks;
  part.element = 1;
  part.count = bytes;
  return static_cast<double>(lockstep::detail::choose_all_reduce(part, link).picoseconds) * 1e-12;
}

struct Fit {
  lockstep::detail::LinkModel link;
  double factor = 1;  ///< By which predictions miss the measurements, as a root mean square.
};

/// Searches alpha and beta so that the predictions miss by the least factor. The overhead of a message keeps its share
/// of alpha; gamma is not searched, for at two ranks it cannot be told from beta.
inline Fit fit_link(const std::vector<Measured>& measured, int ranks, const lockstep::detail::LinkModel& start) {
  Fit best{start, INFINITY};
  double alpha = 20000, beta = 500, range = 1000;  // nanoseconds; picoseconds per byte; searched from 1/range to range
  while (range > 1.001) {
    const double alpha_middle = alpha, beta_middle = beta;
    for (int i = -10; i <= 10; ++i) {
      for (int j = -10; j <= 10; ++j) {
        lockstep::detail::LinkModel link = start;
        const double alpha_tried = alpha_middle * std::pow(range, i / 10.0);
        link.alpha_nanoseconds = static_cast<std::uint64_t>(alpha_tried);
        link.overhead_nanoseconds =
            static_cast<std::uint64_t>(alpha_tried * static_cast<double>(start.overhead_nanoseconds) /
                                       static_cast<double>(start.alpha_nanoseconds));
        link.beta_picoseconds_per_byte = static_cast<std::uint64_t>(beta_middle * std::pow(range, j / 10.0));
        double squares = 0;
        for (const Measured& each : measured) {
          const double miss = std::log(std::max(1e-12, predicted_seconds(link, ranks, each.bytes)) / each.seconds);
          squares += miss * miss;
        }
        const double factor = std::exp(std::sqrt(squares / static_cast<double>(measured.size())));
        if (factor < best.factor) {
          best = {link, factor};
          alpha = alpha_tried;
          beta = static_cast<double>(link.beta_picoseconds_per_byte);
        }
      }
    }
    range = std::pow(range, 0.4);
  }
  return best;
}

}  // namespace scale
