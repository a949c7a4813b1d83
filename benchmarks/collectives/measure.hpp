// One size of one operation: all contenders take turns, so that a busy moment of the machine hits all of them, and
// between two turns the others sleep.
#pragma once

#include "contender.hpp"
#include "statistics.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace benchmarks {

inline constexpr std::size_t shortest_timed_alone = 4096;  ///< Bytes; below, a sample is the mean of many calls.

struct Result {
  Operation operation = Operation::all_reduce;
  int size = 0;
  std::size_t bytes = 0;  ///< Of the longest buffer, as measured.
  std::string contender;
  Statistics seconds;
  std::uint64_t wrong = 0;
  double times_first = 0;  ///< How many times as long as the first contender it takes, by the medians.
  double floor_share = 0;  ///< all_reduce: time that the memory needs / median; 0 when not measured.
  double copy_before = 0;  ///< Bytes read and written per second when all ranks copy, in the first third of the rounds,
  double copy_after = 0;   ///< and in the last.

  double algorithm_bandwidth() const { return static_cast<double>(bytes) / seconds.median; }
  double bus_bandwidth() const { return algorithm_bandwidth() * bus_factor(operation, size); }
};

/// How a contender's turn is cut into samples, so that it lasts about as long as wanted.
struct Turn {
  std::uint64_t samples = 1, calls_per_sample = 1;
};

inline Turn plan_turn(Contender& contender, Operation operation, std::size_t bytes, double turn_seconds) {
  std::uint64_t calls = 1;
  double each = 0;
  for (;; calls *= 4) {
    std::vector<double> first = contender.time(operation, 3, calls);
    each = statistics_of(first).minimum;
    if (each * static_cast<double>(calls) >= turn_seconds / 4 || calls >= 65536) break;
  }
  Turn turn;
  const auto times = [](double value) { return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(value)); };
  if (bytes < shortest_timed_alone) turn.calls_per_sample = times(50e-6 / each);
  const double sample = each * static_cast<double>(turn.calls_per_sample);
  // Those who sleep in a call are slow at first, a tick of the scheduler each time: they get some more calls.
  turn.samples = times(std::max(turn_seconds / sample, std::min(20.0, 20 * turn_seconds / sample)));
  turn.samples = std::min<std::uint64_t>(turn.samples, max_samples);
  return turn;
}

using Contenders = std::vector<std::unique_ptr<Contender>>;

/// The time all ranks need to copy within buffers of `bytes` at the same time, as the memory's floor: the better of a
/// copy through the caches and one past them, turn by turn.
class CopyFloor {
 public:
  CopyFloor(Contenders& copies, std::size_t bytes, double turn_seconds) : copies_(copies), bytes_(bytes) {
    for (const auto& copy : copies_) {
      copy->ask({Task::prepare, Operation::all_reduce, bytes});
      turns_.push_back(plan_turn(*copy, Operation::all_reduce, bytes, turn_seconds));
    }
  }

  void take_turn() {
    double best = 0;
    for (std::size_t i = 0; i < copies_.size(); ++i) {
      std::vector<double> times =
          copies_[i]->time(Operation::all_reduce, turns_[i].samples, turns_[i].calls_per_sample);
      const double median = statistics_of(times).median;
      if (best == 0 || median < best) best = median;
    }
    seconds_.push_back(best);
  }

  double seconds() const {
    std::vector<double> all = seconds_;
    return statistics_of(all).median;
  }
  double bandwidth_before() const { return bandwidth(0, (seconds_.size() + 2) / 3); }
  double bandwidth_after() const { return bandwidth(seconds_.size() - (seconds_.size() + 2) / 3, seconds_.size()); }

 private:
  double bandwidth(std::size_t begin, std::size_t end) const {
    if (begin == end) return 0;
    std::vector<double> part(seconds_.begin() + static_cast<std::ptrdiff_t>(begin),
                             seconds_.begin() + static_cast<std::ptrdiff_t>(end));
    return 2.0 * copies_[0]->size() * static_cast<double>(bytes_) / statistics_of(part).median;
  }

  Contenders& copies_;
  std::size_t bytes_;
  std::vector<Turn> turns_;
  std::vector<double> seconds_;
};

/// `copies` may be empty: then the floor is not measured.
inline std::vector<Result> measure(Contenders& contenders, Contenders& copies, Operation operation, std::size_t bytes,
                                   int rounds, double turn_seconds) {
  const int size = contenders.front()->size();
  const Lengths lengths = lengths_of(operation, bytes, size);
  const std::size_t measured = std::max(lengths.input, lengths.output) * sizeof(float);
  if (std::min(lengths.input, lengths.output == 0 ? lengths.input : lengths.output) == 0) return {};

  struct Entrant {
    Contender* contender;
    Turn turn;
    std::vector<double> times;
    std::uint64_t wrong;
  };
  std::vector<Entrant> entrants;
  for (const auto& contender : contenders) {
    const Reply reply = contender->ask({Task::prepare, operation, measured});
    if (reply.supported == 0) continue;
    const Turn turn = plan_turn(*contender, operation, measured, turn_seconds);
    entrants.push_back({contender.get(), turn, {}, reply.wrong});
  }
  CopyFloor floor(copies, measured, turn_seconds);
  for (int round = 0; round < rounds; ++round) {
    if (!copies.empty()) floor.take_turn();
    for (std::size_t i = 0; i < entrants.size(); ++i) {
      Entrant& entrant = entrants[(i + static_cast<std::size_t>(round)) % entrants.size()];
      const std::vector<double> times =
          entrant.contender->time(operation, entrant.turn.samples, entrant.turn.calls_per_sample);
      entrant.times.insert(entrant.times.end(), times.begin(), times.end());
    }
  }
  std::vector<Result> results;
  for (Entrant& entrant : entrants) {
    Result result;
    result.operation = operation;
    result.size = size;
    result.bytes = measured;
    result.contender = entrant.contender->label();
    result.seconds = statistics_of(entrant.times);
    result.wrong = entrant.wrong + entrant.contender->ask({Task::time, operation}).wrong;
    result.times_first = result.seconds.median / (results.empty() ? result : results.front()).seconds.median;
    if (!copies.empty()) {
      result.floor_share = floor.seconds() / result.seconds.median;
      result.copy_before = floor.bandwidth_before();
      result.copy_after = floor.bandwidth_after();
    }
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace benchmarks
