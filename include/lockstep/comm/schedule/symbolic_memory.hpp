// A rank's buffers with symbols in place of numbers, and what a collective makes of them.
#pragma once

#include <lockstep/comm/call/fingerprint.hpp>
#include <lockstep/comm/schedule/all_gather.hpp>
#include <lockstep/comm/schedule/collective_part.hpp>
#include <lockstep/comm/schedule/expression_trees.hpp>
#include <lockstep/comm/schedule/schedule.hpp>
#include <lockstep/core/concat.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::detail {

inline std::string to_string(const Place& place) {
  const char* space = place.space == Space::input ? "input" : place.space == Space::output ? "output" : "scratch";
  return concat(space, " ", place.begin);
}

/// An element: which one it is in its ranks' inputs, and whose inputs were combined in which order.
struct Symbol {
  ExpressionTrees::Tree tree = 0;
  bool completed = false;
  std::uint32_t element = 0;

  bool operator==(const Symbol&) const = default;
};

constexpr Symbol input_symbol(int rank, std::uint64_t element) {
  return {ExpressionTrees::leaf(rank), false, static_cast<std::uint32_t>(element)};
}

/// A collective to be proven. `aliased`: where the call allows it, the output is the matching part of the input or
/// holds it. `part.rank` is not used. `canonical`: reductions must have the canonical order.
struct CollectiveTask {
  Collective collective = Collective::none;
  CollectivePart part;
  std::span<const std::int64_t> counts = {};
  bool aliased = false;
  bool canonical = true;

  PieceLayout layout() const { return {part.count, counts}; }

  std::uint64_t input_count(int rank) const {
    switch (collective) {
      case Collective::reduce:
      case Collective::gather:
        return part.count;
      case Collective::all_gather:
      case Collective::all_gather_ragged:
        return layout()(rank + 1) - layout()(rank);
      case Collective::reduce_scatter:
      case Collective::all_to_all:
        return part.pieces();
      case Collective::scatter:
        return rank == part.root ? part.pieces() : 0;
      default:
        return 0;
    }
  }

  std::uint64_t output_count(int rank) const {
    switch (collective) {
      case Collective::all_reduce:
      case Collective::broadcast:
      case Collective::reduce_scatter:
      case Collective::scatter:
        return part.count;
      case Collective::reduce:
        return rank == part.root ? part.count : 0;
      case Collective::gather:
        return rank == part.root ? part.pieces() : 0;
      case Collective::all_gather:
      case Collective::all_gather_ragged:
        return layout()(part.size);
      case Collective::all_to_all:
        return part.pieces();
      default:
        return 0;
    }
  }

  /// Where the output begins in the input, or the input in the output, when they share memory.
  std::uint64_t output_in_input(int rank) const {
    const bool pieces = collective == Collective::reduce_scatter || collective == Collective::scatter;
    return pieces ? part.piece_at(rank) : 0;
  }
  std::uint64_t input_in_output(int rank) const {
    if (collective == Collective::gather) return part.piece_at(rank);
    const bool gathers = collective == Collective::all_gather || collective == Collective::all_gather_ragged;
    return gathers ? layout()(rank) : 0;
  }
  bool shares_memory(int rank) const {
    return aliased && collective != Collective::all_to_all && input_count(rank) > 0 && output_count(rank) > 0;
  }

  /// The output's element i; of reductions without the tree.
  Symbol expected_output(int rank, std::uint64_t i) const {
    switch (collective) {
      case Collective::reduce_scatter:
        return input_symbol(rank, part.piece_at(rank) + i);
      case Collective::broadcast:
        return input_symbol(part.root, i);
      case Collective::scatter:
        return input_symbol(part.root, part.piece_at(rank) + i);
      case Collective::gather:
        return input_symbol(static_cast<int>(i / part.count), i % part.count);
      case Collective::all_to_all:
        return input_symbol(static_cast<int>(i / part.count), part.piece_at(rank) + i % part.count);
      case Collective::all_gather:
      case Collective::all_gather_ragged: {
        int owner = 0;
        if (counts.empty()) {
          owner = static_cast<int>(i / part.count);
        } else {
          while (layout()(owner + 1) <= i) ++owner;
        }
        return input_symbol(owner, i - layout()(owner));
      }
      default:
        return input_symbol(rank, i);
    }
  }
};

class SymbolicMemory {
 public:
  void fill(const CollectiveTask& task, int rank, std::uint64_t scratch) {
    const std::uint64_t input = task.input_count(rank), output = task.output_count(rank);
    sizes_[0] = input;
    sizes_[1] = output;
    sizes_[2] = scratch;
    begins_[0] = 0;
    begins_[1] = input;
    std::uint64_t end = input + output;
    if (task.shares_memory(rank)) {
      begins_[0] = task.input_in_output(rank);
      begins_[1] = task.output_in_input(rank);
      end = std::max(begins_[0] + input, begins_[1] + output);
    }
    begins_[2] = end;
    symbols_.assign(end + scratch, {});
    for (std::uint64_t i = 0; i < input; ++i) at(input_at(i)) = input_symbol(rank, i);
    const bool in_place = task.collective == Collective::all_reduce ||
                          (task.collective == Collective::broadcast && rank == task.part.root);
    for (std::uint64_t i = 0; in_place && i < output; ++i) at(output_at(i)) = input_symbol(rank, i);
  }

  Symbol& at(Place place) { return symbols_[address(place)]; }

  std::vector<Symbol> read(Place place, std::uint64_t count) const {
    const auto first = symbols_.begin() + static_cast<std::ptrdiff_t>(address(place));
    return std::vector<Symbol>(first, first + static_cast<std::ptrdiff_t>(count));
  }

  bool input_is_unchanged(const CollectiveTask& task, int rank) {
    for (std::uint64_t i = 0; i < sizes_[0] && !task.shares_memory(rank); ++i) {
      if (at(input_at(i)) != input_symbol(rank, i)) return false;
    }
    return true;
  }

  /// What breaks the rules of a step (see MessageSchedule); empty when nothing does.
  std::string conflict(const MessageSchedule& schedule, std::size_t step) {
    for (const SendMessage& send : schedule.sends(step)) {
      if (!holds(send.from, send.count)) return outside("sends", send.from, send.count);
    }
    writes_.clear();
    for (const ReceiveMessage& receive : schedule.receives(step)) {
      if (!holds(receive.to, receive.count)) return outside("receives", receive.to, receive.count);
      if (!holds(receive.own, receive.count)) return outside("combines with", receive.own, receive.count);
      if (receive.count > 0) writes_.push_back({address(receive.to), address(receive.to) + receive.count});
    }
    std::sort(writes_.begin(), writes_.end());
    for (std::size_t i = 0; i + 1 < writes_.size(); ++i) {
      if (writes_[i].second > writes_[i + 1].first) return "receives twice into the same elements";
    }
    for (const SendMessage& send : schedule.sends(step)) {
      if (is_written(send.from, send.count)) return concat("receives into what it sends, at ", to_string(send.from));
    }
    for (const ReceiveMessage& receive : schedule.receives(step)) {
      if (address(receive.own) != address(receive.to) && is_written(receive.own, receive.count)) {
        return concat("receives into what it combines, at ", to_string(receive.own));
      }
    }
    for (const CombineOperands& combine : schedule.combines(step)) {
      if (!holds(combine.to, combine.count)) return outside("combines into", combine.to, combine.count);
      for (const Place& operand : schedule.operands(combine)) {
        if (!holds(operand, combine.count)) return outside("combines", operand, combine.count);
        if (address(operand) != address(combine.to) && overlap(operand, combine.count, combine.to, combine.count)) {
          return concat("combines into a part of an operand, at ", to_string(combine.to));
        }
      }
      if (!combine.early) continue;
      bool in_use = is_written(combine.to, combine.count);
      for (const SendMessage& send : schedule.sends(step)) {
        in_use = in_use || overlap(send.from, send.count, combine.to, combine.count);
      }
      if (in_use) return concat("combines too early into ", to_string(combine.to));
    }
    return "";
  }

 private:
  std::uint64_t address(Place place) const { return begins_[static_cast<std::size_t>(place.space)] + place.begin; }
  bool holds(Place place, std::uint64_t count) const {
    const std::uint64_t size = sizes_[static_cast<std::size_t>(place.space)];
    return count <= size && place.begin <= size - count;
  }
  static std::string outside(const char* verb, Place place, std::uint64_t count) {
    return concat(verb, " ", count, " elements at ", to_string(place), ", outside the buffer");
  }
  bool overlap(Place a, std::uint64_t a_count, Place b, std::uint64_t b_count) const {
    return address(a) < address(b) + b_count && address(b) < address(a) + a_count;
  }
  bool is_written(Place place, std::uint64_t count) const {
    const std::uint64_t begin = address(place), end = begin + count;
    if (begin == end) return false;
    const auto next = std::lower_bound(writes_.begin(), writes_.end(), std::pair{end, std::uint64_t{0}});
    return next != writes_.begin() && std::prev(next)->second > begin;
  }

  std::uint64_t sizes_[3] = {}, begins_[3] = {};
  std::vector<Symbol> symbols_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> writes_;
};

}  // namespace lockstep::detail
