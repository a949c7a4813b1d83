// The command line.
#pragma once

#include "contender.hpp"
#include "operations.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace benchmarks {

struct Options {
  std::vector<int> ranks{2};
  std::vector<Operation> operations{Operation::all_reduce};
  std::vector<std::size_t> sizes;
  std::vector<std::string> contenders{"ring", "ring-heap", "openmpi", "gloo"};
  std::vector<Recipe> more;  ///< From --mpirun and --build.
  int rounds = 15;
  double batch_seconds = 0.004;
  std::uint64_t endurance_calls = 0;
  std::string json;
  bool help = false;
};

inline constexpr const char* usage_text =
    R"(usage: collectives [-n RANKS,...] [--operation NAME,...|all] [--min BYTES] [--max BYTES] [--sizes BYTES,...]
                   [--contenders NAME,...] [--mpirun LABEL=OPTIONS] [--build LABEL=PROGRAM,KIND]
                   [--rounds N] [--batch-ms N] [--json FILE] [--repeat-small CALLS]

  -n RANKS            numbers of ranks, one run after the other (2)
  --operation NAME    all_reduce (default), reduce, reduce_scatter, all_gather, broadcast, gather, scatter, all_to_all,
                      send_receive
  --min, --max        the sizes are the powers of four between them (4 to 256M); --sizes names them one by one
  --contenders NAME   ring, ring-heap, threads, tcp, tcp-tls, openmpi, openmpi-yield, gloo (ring,ring-heap,openmpi,gloo)
  --mpirun L=OPTIONS  one more Open MPI, started by mpirun with these options, e.g. tuned="--mca coll ^han"
  --build L=P,KIND    one more build of collectives_lockstep, to compare versions, e.g. before=old/collectives_lockstep,ring
  --rounds N          turns of each contender at each size (15)
  --batch-ms N        how long a turn is at least (4)
  --json FILE         all numbers; plot.py draws them
  --repeat-small N    instead: N all-reduces of 8 bytes on each contender; times, descriptors and memory as they go on

Numbers of bytes may end in K, M or G. Contenders whose programs were not built are left out with a message.
)";

namespace detail {

inline std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    if (end != 0) parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

inline std::uint64_t number(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  const std::string_view unit = end;
  const double scale = unit.empty() ? 1.0 : unit == "K" ? 0x1p10 : unit == "M" ? 0x1p20 : unit == "G" ? 0x1p30 : 0.0;
  if (end == text.c_str() || scale == 0.0 || !(value >= 0 && value * scale < 0x1p53)) {
    throw lockstep::ArgumentError("'" + text + "' is not a number");
  }
  return static_cast<std::uint64_t>(value * scale);
}

/// A label and what it stands for.
inline Recipe labelled(const std::string& text, char separator) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) throw lockstep::ArgumentError("'" + text + "' is not LABEL=...");
  return {text.substr(0, equals), split(text.substr(equals + 1), separator), {}};
}

inline std::vector<Operation> operations(const std::string& text) {
  std::vector<Operation> chosen;
  if (text == "all") {
    for (std::size_t i = 0; i < operation_names.size(); ++i) chosen.push_back(static_cast<Operation>(i));
    return chosen;
  }
  for (const std::string& name : split(text, ',')) {
    const std::optional<Operation> operation = operation_named(name);
    if (!operation) throw lockstep::ArgumentError("no operation is called '" + name + "'");
    chosen.push_back(*operation);
  }
  return chosen;
}

}  // namespace detail

/// Throws ArgumentError.
inline Options parse_options(int argument_count, char** arguments) {
  Options options;
  std::size_t smallest = 4, largest = std::size_t{256} << 20;
  for (int i = 1; i < argument_count; ++i) {
    const std::string name = arguments[i];
    if (name == "-h" || name == "--help") {
      options.help = true;
      return options;
    }
    if (i + 1 == argument_count) throw lockstep::ArgumentError("'" + name + "' is unknown or needs a value");
    const std::string value = arguments[++i];
    if (name == "-n") {
      options.ranks.clear();
      for (const std::string& part : detail::split(value, ',')) {
        const std::uint64_t ranks = detail::number(part);
        if (ranks < 1 || ranks > max_ranks) throw lockstep::ArgumentError("-n takes 1 to 64 ranks");
        options.ranks.push_back(static_cast<int>(ranks));
      }
    } else if (name == "--operation") {
      options.operations = detail::operations(value);
    } else if (name == "--min") {
      smallest = detail::number(value);
    } else if (name == "--max") {
      largest = detail::number(value);
    } else if (name == "--sizes") {
      for (const std::string& part : detail::split(value, ',')) options.sizes.push_back(detail::number(part));
    } else if (name == "--contenders") {
      options.contenders = detail::split(value, ',');
    } else if (name == "--mpirun") {
      options.more.push_back(detail::labelled(value, ' '));
      options.more.back().starts_all = true;
    } else if (name == "--build") {
      options.more.push_back(detail::labelled(value, ','));
      if (options.more.back().command.size() != 2) throw lockstep::ArgumentError("--build takes LABEL=PROGRAM,KIND");
    } else if (name == "--rounds") {
      options.rounds = static_cast<int>(std::max<std::uint64_t>(1, detail::number(value)));
    } else if (name == "--batch-ms") {
      options.batch_seconds = 1e-3 * static_cast<double>(detail::number(value));
    } else if (name == "--json") {
      options.json = value;
    } else if (name == "--repeat-small") {
      options.endurance_calls = detail::number(value);
    } else {
      throw lockstep::ArgumentError("'" + name + "' is unknown");
    }
  }
  if (options.sizes.empty()) {
    for (std::size_t bytes = 4; bytes <= largest; bytes *= 4) {
      if (bytes >= smallest) options.sizes.push_back(bytes);
    }
  }
  return options;
}

}  // namespace benchmarks
