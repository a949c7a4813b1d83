// How collectives scale: the library's own schedules for 2 to 4096 ranks, executed message by message on model links
// and set beside what no algorithm can beat; and, with --check, proven to end and to keep the canonical order.
#include "link_fit.hpp"
#include "simulation.hpp"
#include <lockstep/comm/schedule/make_schedule.hpp>
#include <lockstep/comm/schedule/ring_all_reduce.hpp>
#include <lockstep/comm/schedule/verify.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <queue>
#include <string>
#include <vector>

namespace {

using namespace lockstep::detail;

constexpr Collective collectives[] = {Collective::all_reduce, Collective::reduce_scatter, Collective::all_gather,
                                      Collective::broadcast,  Collective::reduce,         Collective::gather,
                                      Collective::scatter,    Collective::all_to_all,     Collective::barrier};

struct Options {
  LinkModel link;
  std::vector<int> ranks;
  std::vector<std::uint64_t> bytes;
  std::vector<Collective> collectives{Collective::all_reduce};
  bool check = false, json = false;
  std::string fit, contender = "tcp";
  int fit_ranks = 2;
};

// A collective's vector of `bytes` bytes in all, as float32; pieces where it has pieces.
CollectivePart part_of(Collective collective, int size, std::uint64_t bytes) {
  CollectivePart part;
  part.size = size;
  part.element = 4;
  const bool pieces =
      collective != Collective::all_reduce && collective != Collective::broadcast && collective != Collective::reduce;
  part.count = bytes / part.element / (pieces ? static_cast<std::uint64_t>(size) : 1);
  return part;
}

std::vector<MessageSchedule> schedules_of(Collective collective, CollectivePart part, const Choice& choice) {
  std::vector<MessageSchedule> schedules(static_cast<std::size_t>(part.size));
  for (part.rank = 0; part.rank < part.size; ++part.rank) {
    write_schedule(collective, part, {}, choice, schedules[static_cast<std::size_t>(part.rank)]);
  }
  return schedules;
}

// The time until something that one rank knows can be known to all: each that knows it sends it on at once, again and
// again. The time until one rank can know something of all is the same, backwards.
std::uint64_t spreading_time(int size, const LinkModel& link) {
  std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> arrivals;
  std::uint64_t last = 0;
  arrivals.push(link.alpha());
  for (int knowing = 1; knowing < size; ++knowing) {
    last = arrivals.top();
    arrivals.pop();
    arrivals.push(last + std::max<std::uint64_t>(1, link.overhead()));
    arrivals.push(last + link.alpha());
  }
  return last;
}

// Seconds that no algorithm can beat on links of the model, whose ranks send and receive one message at a time: what
// all need of all must spread, and some rank has to send or receive so many bytes.
double lower_bound(Collective collective, int size, double bytes, const LinkModel& link) {
  const double part = bytes * (size - 1) / size;
  double moved = part;
  const auto latency = static_cast<double>(spreading_time(size, link));
  switch (collective) {
    case Collective::all_reduce:
      moved = 2 * part;
      break;
    case Collective::broadcast:
    case Collective::reduce:
      moved = bytes;
      break;
    case Collective::barrier:
      moved = 0;
      break;
    default:
      break;
  }
  const double bandwidth =
      static_cast<double>(link.alpha()) + moved * static_cast<double>(link.beta_picoseconds_per_byte);
  return std::max(latency, bandwidth) * 1e-12;
}

std::string text_of(const Choice& choice) {
  std::string text = to_string(choice.algorithm);
  if (choice.parameter > 0) text += " " + std::to_string(choice.parameter);
  if (choice.algorithm == Algorithm::recursive) text += " by " + std::to_string(choice.radix);
  return text;
}

// Messages of all ranks together, above which a schedule of this many ranks is left out.
constexpr double most_messages = 8e6;

double messages_of(Collective collective, int size, const Choice& choice) {
  const double all = size;
  if (collective == Collective::all_to_all && choice.algorithm != Algorithm::direct) return all * all * 6;  // copies
  if (choice.algorithm == Algorithm::direct && collective != Collective::gather && collective != Collective::scatter) {
    return all * all;
  }
  if (choice.algorithm == Algorithm::sliced) return all * (2.0 * (size >> choice.parameter) + 2 * choice.parameter);
  return all * 64;
}

void simulate(const Options& options) {
  if (options.json) {
    std::printf(
        "{\n  \"alpha_microseconds\": %.4g, \"overhead_microseconds\": %.4g, \"beta_nanoseconds_per_byte\": %.4g,"
        " \"gamma_nanoseconds_per_byte\": %.4g,\n  \"results\": [",
        static_cast<double>(options.link.alpha_nanoseconds) * 1e-3,
        static_cast<double>(options.link.overhead_nanoseconds) * 1e-3,
        static_cast<double>(options.link.beta_picoseconds_per_byte) * 1e-3,
        static_cast<double>(options.link.gamma_picoseconds_per_byte) * 1e-3);
  } else {
    std::printf("alpha %.4g us, overhead %.4g us, beta %.4g ns/byte (%.4g GB/s), gamma %.4g ns/byte\n",
                static_cast<double>(options.link.alpha_nanoseconds) * 1e-3,
                static_cast<double>(options.link.overhead_nanoseconds) * 1e-3,
                static_cast<double>(options.link.beta_picoseconds_per_byte) * 1e-3,
                1e3 / static_cast<double>(options.link.beta_picoseconds_per_byte),
                static_cast<double>(options.link.gamma_picoseconds_per_byte) * 1e-3);
    std::printf("%-15s %6s %12s  %-26s %12s %12s %12s %7s\n", "collective", "ranks", "bytes", "algorithm",
                "simulated us", "model us", "bound us", "ratio");
  }
  bool first = true;
  for (const Collective collective : options.collectives) {
    double worst = 0, logs = 0;
    int results = 0;
    for (const int size : options.ranks) {
      for (const std::uint64_t bytes : options.bytes) {
        const CollectivePart part = part_of(collective, size, bytes);
        if (part.count == 0 && collective != Collective::barrier) continue;  // less than an element for each rank
        const Choice choice = choose_algorithm(collective, part, {}, options.link);
        if (messages_of(collective, size, choice) > most_messages) {
          std::fprintf(stderr, "left out: %s on %d ranks: too many messages to simulate\n", to_string(collective),
                       size);
          continue;
        }
        const auto schedules = schedules_of(collective, part, choice);
        scale::Simulation simulation(schedules, part.element, options.link);
        const double seconds = simulation.run();
        const double bound = lower_bound(collective, size, static_cast<double>(bytes), options.link);
        const double ratio = seconds / bound;
        worst = std::max(worst, ratio);
        logs += std::log(ratio);
        ++results;
        if (options.json) {
          std::printf(
              "%s\n    {\"collective\": \"%s\", \"ranks\": %d, \"bytes\": %llu, \"algorithm\": \"%s\", \"parameter\":"
              " %d, \"simulated\": %.6g, \"bound\": %.6g, \"ratio\": %.4g}",
              first ? "" : ",", to_string(collective), size, static_cast<unsigned long long>(bytes),
              to_string(choice.algorithm), choice.parameter, seconds, bound, ratio);
        } else {
          const bool model = choice.picoseconds != ~std::uint64_t{0};
          std::printf("%-15s %6d %12llu  %-26s %12.2f %12.2f %12.2f %7.2f%s\n", to_string(collective), size,
                      static_cast<unsigned long long>(bytes), text_of(choice).c_str(), seconds * 1e6,
                      model ? static_cast<double>(choice.picoseconds) * 1e-6 : 0.0, bound * 1e6, ratio,
                      simulation.complete() ? "" : "  DOES NOT END");
        }
        first = false;
        if (collective == Collective::barrier) break;
      }
    }
    if (!options.json && results > 0) {
      std::printf("%-15s geometric mean of the ratios %.3f, largest %.3f\n\n", to_string(collective),
                  std::exp(logs / results), worst);
    }
  }
  if (options.json) std::printf("\n  ]\n}\n");
}

// Proves all algorithms that are chosen for any length, on a vector with one element for each rank's slice: longer ones
// have the same cuts.
int check(const Options& options) {
  int failures = 0;
  for (const int size : options.ranks) {
    for (const Collective collective : options.collectives) {
      std::vector<std::array<int, 3>> done;
      for (std::uint64_t bytes = 4; bytes <= std::uint64_t{1} << 34; bytes *= 2) {
        CollectivePart part = part_of(collective, size, bytes);
        const Choice choice = choose_algorithm(collective, part, {}, options.link);
        const std::array<int, 3> key{static_cast<int>(choice.algorithm), choice.parameter, choice.radix};
        if (std::find(done.begin(), done.end(), key) != done.end()) continue;
        done.push_back(key);
        CollectiveTask task;
        task.collective = collective;
        task.part = part_of(collective, size, static_cast<std::uint64_t>(size) * 4);
        task.part.element = 64;
        const bool whole = choice.algorithm == Algorithm::direct || choice.algorithm == Algorithm::tree ||
                           choice.algorithm == Algorithm::chain;
        if (whole) task.part.count = std::min<std::uint64_t>(task.part.count, 2);
        if (choice.algorithm == Algorithm::chain) task.part.count = static_cast<std::uint64_t>(choice.parameter);
        const auto begin = std::chrono::steady_clock::now();
        const char* verdict = "proven";
        std::string error;
        if (messages_of(collective, size, choice) > most_messages ||
            (choice.algorithm == Algorithm::chain && size * choice.parameter > most_messages)) {
          verdict = "left out: too many messages";
        } else {
          const auto schedules = schedules_of(collective, task.part, choice);
          error = verify_schedules(schedules, task, Channels::rendezvous);
          if (error.empty() && size <= 512) error = verify_schedules(schedules, task, Channels::unbounded);
        }
        if (!error.empty()) {
          verdict = error.c_str();
          ++failures;
        }
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
        std::printf("%-15s %6d ranks  %-26s %6.2f s  %s\n", to_string(collective), size, text_of(choice).c_str(),
                    seconds.count(), verdict);
        std::fflush(stdout);
      }
    }
  }
  std::printf(failures == 0 ? "all schedules end, and reduce in the canonical order\n" : "%d FAILURES\n", failures);
  return failures == 0 ? 0 : 1;
}

template <class Value>
std::vector<Value> numbers_of(const char* text) {
  std::vector<Value> numbers;
  for (char* end = nullptr; *text != 0; text = *end == ',' ? end + 1 : end) {
    const unsigned long long number = std::strtoull(text, &end, 10);
    if (end == text) return {};
    unsigned shift = 0;
    if (*end == 'K') shift = 10;
    if (*end == 'M') shift = 20;
    if (*end == 'G') shift = 30;
    if (shift > 0) ++end;
    numbers.push_back(static_cast<Value>(number << shift));
  }
  return numbers;
}

int usage() {
  std::fputs(
      "scale [options]\n"
      "  --ranks LIST        numbers of ranks, 2 to 4096, as in 2,3,64\n"
      "  --bytes LIST        bytes of all pieces, as in 8,64K,16M\n"
      "  --collectives LIST  all, or as in all_reduce,broadcast; all_reduce by default\n"
      "  --alpha US --overhead US --bandwidth GB/S --gamma NS/BYTE   the links\n"
      "  --fit FILE          takes alpha and bandwidth from lines \"bytes microseconds\" of an all_reduce, or from "
      "the\n"
      "                      JSON of the benchmark collectives\n"
      "  --fit-ranks N       the ranks of those measurements, 2 by default\n"
      "  --contender NAME    whose measurements to take from the JSON, \"tcp\" by default\n"
      "  --check             proves the schedules instead of timing them\n"
      "  --json              prints JSON instead of a table\n",
      stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--check") {
      options.check = true;
      continue;
    }
    if (name == "--json") {
      options.json = true;
      continue;
    }
    if (i + 1 == argc) return usage();
    const char* value = argv[++i];
    if (name == "--ranks") {
      options.ranks = numbers_of<int>(value);
      for (const int size : options.ranks) {
        if (size < 2 || size > 4096) return usage();
      }
      if (options.ranks.empty()) return usage();
    } else if (name == "--bytes") {
      options.bytes = numbers_of<std::uint64_t>(value);
      if (options.bytes.empty()) return usage();
    } else if (name == "--collectives") {
      options.collectives.clear();
      const std::string list = std::string(",") + value + ",";
      for (const Collective collective : collectives) {
        if (list == ",all," || list.find(std::string(",") + to_string(collective) + ",") != std::string::npos) {
          options.collectives.push_back(collective);
        }
      }
      if (options.collectives.empty()) return usage();
    } else if (name == "--alpha") {
      options.link.alpha_nanoseconds = static_cast<std::uint64_t>(std::atof(value) * 1e3);
    } else if (name == "--overhead") {
      options.link.overhead_nanoseconds = static_cast<std::uint64_t>(std::atof(value) * 1e3);
    } else if (name == "--bandwidth") {
      options.link.beta_picoseconds_per_byte = static_cast<std::uint64_t>(1e3 / std::atof(value));
    } else if (name == "--gamma") {
      options.link.gamma_picoseconds_per_byte = static_cast<std::uint64_t>(std::atof(value) * 1e3);
    } else if (name == "--fit") {
      options.fit = value;
    } else if (name == "--fit-ranks") {
      options.fit_ranks = std::atoi(value);
    } else if (name == "--contender") {
      options.contender = value;
    } else {
      return usage();
    }
  }
  if (!options.fit.empty()) {
    const auto measured = scale::read_measurements(options.fit, options.contender, options.fit_ranks);
    if (measured.size() < 2 || options.fit_ranks < 2) {
      std::fprintf(stderr, "%s: no measurements of all_reduce by \"%s\" on %d ranks\n", options.fit.c_str(),
                   options.contender.c_str(), options.fit_ranks);
      return 2;
    }
    const scale::Fit fit = scale::fit_link(measured, options.fit_ranks, options.link);
    options.link = fit.link;
    std::fprintf(stderr, "fitted to %zu measurements, which it misses by a factor of %.2f\n", measured.size(),
                 fit.factor);
  }
  if (options.check) {
    if (options.ranks.empty())
      options.ranks = {3, 5, 6, 7, 12, 33, 63, 64, 96, 128, 256, 512, 1000, 1024, 2048, 3072, 4096};
    return check(options);
  }
  if (options.ranks.empty()) options.ranks = {2, 3, 4, 6, 8, 12, 16, 32, 48, 64, 128, 256, 384, 512, 1024, 2048, 4096};
  if (options.bytes.empty()) options.bytes = {8, 1024, 16384, 262144, 4194304, 67108864, 1073741824};
  simulate(options);
  return 0;
}
