// Proves schedules: runs those of all ranks with symbols for elements and says what is wrong with them, if anything.
#pragma once

#include <lockstep/comm/call/fingerprint.hpp>
#include <lockstep/comm/schedule/collective_part.hpp>
#include <lockstep/comm/schedule/expression_trees.hpp>
#include <lockstep/comm/schedule/schedule.hpp>
#include <lockstep/comm/schedule/symbolic_memory.hpp>
#include <lockstep/core/concat.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::detail {

/// What lies between the ranks: nothing, so that a message passes when both sides are at it; or buffers without end.
enum class Channels : std::uint8_t { rendezvous, unbounded };

/// Runs the schedules of one collective. The order of the messages does not matter: each is between two given ranks and
/// in the order of its channel, so one execution that ends shows that all end.
class ScheduleVerifier {
 public:
  ScheduleVerifier(std::span<const MessageSchedule> schedules, const CollectiveTask& task, Channels channels)
      : schedules_(schedules), task_(task), channels_kind_(channels), trees_(task.part.size) {}

  /// Empty when the schedules are right, otherwise the first thing that is wrong.
  std::string verify() {
    const std::size_t size = schedules_.size();
    if (size != static_cast<std::size_t>(task_.part.size)) {
      return concat("there are ", size, " schedules for ", task_.part.size, " ranks");
    }
    expected_ = trees_.canonical(size, [](std::size_t rank) { return ExpressionTrees::leaf(static_cast<int>(rank)); });
    ranks_.resize(size);
    for (std::size_t rank = 0; rank < size && error_.empty(); ++rank) {
      ranks_[rank].memory.fill(task_, static_cast<int>(rank), schedules_[rank].scratch_count());
      if (task_.collective == Collective::barrier) {
        ranks_[rank].heard.assign((size + 63) / 64, 0);
        ranks_[rank].heard[rank / 64] |= std::uint64_t{1} << rank % 64;
        ranks_[rank].hearing = ranks_[rank].heard;
      }
      ready_.push_back(static_cast<int>(rank));
    }
    rehash();
    while (!ready_.empty() && error_.empty()) {
      const int rank = ready_.back();
      ready_.pop_back();
      begin_step(rank);
    }
    if (error_.empty()) check_ended();
    for (int rank = 0; rank < task_.part.size && error_.empty(); ++rank) check_result(rank);
    return std::move(error_);
  }

 private:
  struct Rank {
    SymbolicMemory memory;
    std::size_t step = 0;
    std::size_t open_messages = 0;
    bool ended = false;
    std::vector<std::uint64_t> heard, hearing;  // barrier: the ranks whose call this rank knows of
  };

  struct Offer {
    std::size_t message = 0;  // its index in the step's list
    std::size_t step = 0;
    std::vector<Symbol> elements = {};  // unbounded: what was sent
    std::vector<std::uint64_t> heard = {};
  };

  struct Channel {
    int from = -1, to = -1;
    std::vector<Offer> sent, awaited;
    std::size_t first_sent = 0, first_awaited = 0;
  };

  const MessageSchedule& schedule(int rank) const { return schedules_[static_cast<std::size_t>(rank)]; }
  Rank& state(int rank) { return ranks_[static_cast<std::size_t>(rank)]; }

  template <class... Parts>
  void fail(int rank, const Parts&... parts) {
    if (error_.empty()) error_ = concat("rank ", rank, ", step ", state(rank).step, ": ", parts...);
  }

  Channel& channel(int from, int to) {
    for (;;) {
      std::size_t at =
          static_cast<std::size_t>(from) * 0x9E3779B97F4A7C15u ^ static_cast<std::size_t>(to) * 0xC2B2AE3D27D4EB4Fu;
      for (at >>= 16;; ++at) {
        Channel& slot = channel_list_[at & (channel_list_.size() - 1)];
        if (slot.from == from && slot.to == to) return slot;
        if (slot.from >= 0) continue;
        if (2 * ++channel_count_ > channel_list_.size()) break;
        slot.from = from;
        slot.to = to;
        return slot;
      }
      rehash();
    }
  }

  void rehash() {
    std::vector<Channel> old(std::max<std::size_t>(64, 2 * channel_list_.size()));
    old.swap(channel_list_);
    channel_count_ = 0;
    for (Channel& each : old) {
      if (each.from >= 0) channel(each.from, each.to) = std::move(each);
    }
  }

  void begin_step(int rank) {
    const MessageSchedule& own = schedule(rank);
    Rank& self = state(rank);
    if (self.step == own.step_count()) {
      self.ended = true;
      return;
    }
    const std::size_t step = self.step;
    const auto sends = own.sends(step);
    const auto receives = own.receives(step);
    if (const std::string conflict = self.memory.conflict(own, step); !conflict.empty()) return fail(rank, conflict);
    for (const SendMessage& send : sends) check_peer(rank, send.peer);
    for (const ReceiveMessage& receive : receives) check_peer(rank, receive.peer);
    if (!error_.empty()) return;

    self.open_messages = sends.size() + receives.size() + 1;  // one more, so that the step does not end underway
    for (std::size_t message = 0; message < receives.size() && error_.empty(); ++message) {
      Channel& from = channel(receives[message].peer, rank);
      from.awaited.push_back({message, step});
      match(from);
    }
    for (std::size_t message = 0; message < sends.size() && error_.empty(); ++message) {
      Channel& to = channel(rank, sends[message].peer);
      to.sent.push_back({message, step});
      if (channels_kind_ == Channels::unbounded) {
        to.sent.back().elements = self.memory.read(sends[message].from, sends[message].count);
        to.sent.back().heard = self.heard;
        check_readable(rank, sends[message], to.sent.back().elements);
        message_done(rank);
      }
      if (error_.empty()) match(to);
    }
    if (error_.empty()) message_done(rank);
  }

  void check_peer(int rank, int peer) {
    if (peer < 0 || peer >= task_.part.size || peer == rank) {
      fail(rank, "a message to or from rank ", peer, " of ", task_.part.size);
    }
  }

  void check_readable(int rank, const SendMessage& send, std::span<const Symbol> elements) {
    for (std::size_t i = 0; i < elements.size(); ++i) {
      if (elements[i].tree == 0) return fail(rank, "sends ", to_string(send.from + i), ", where nothing is yet");
    }
  }

  void match(Channel& between) {
    while (error_.empty() && between.first_sent < between.sent.size() &&
           between.first_awaited < between.awaited.size()) {
      const Offer sent = std::move(between.sent[between.first_sent++]);
      const Offer awaited = std::move(between.awaited[between.first_awaited++]);
      const int from = between.from, to = between.to;
      const SendMessage send = schedule(from).sends(sent.step)[sent.message];
      const ReceiveMessage receive = schedule(to).receives(awaited.step)[awaited.message];
      if (send.count != receive.count) {
        return fail(to, "takes ", receive.count, " elements from rank ", from, ", which sends ", send.count,
                    " in step ", sent.step);
      }
      if (channels_kind_ == Channels::unbounded) {
        deliver(to, receive, sent.elements, sent.heard);
      } else {
        const std::vector<Symbol> elements = state(from).memory.read(send.from, send.count);
        check_readable(from, send, elements);
        deliver(to, receive, elements, state(from).heard);
        message_done(from);
      }
      if (error_.empty()) message_done(to);
    }
  }

  void deliver(int rank, const ReceiveMessage& receive, std::span<const Symbol> elements,
               std::span<const std::uint64_t> heard) {
    Rank& self = state(rank);
    for (std::size_t word = 0; word < heard.size(); ++word) self.hearing[word] |= heard[word];
    for (std::uint64_t i = 0; i < receive.count && error_.empty(); ++i) {
      Symbol result = elements[i];
      if (receive.arrival != OnArrival::store) {
        const Symbol own = self.memory.at(receive.own + i);
        result = receive.arrival == OnArrival::as_left ? combine(rank, elements[i], own, receive.own + i)
                                                       : combine(rank, own, elements[i], receive.own + i);
        if (receive.completes) complete(rank, result);
      }
      self.memory.at(receive.to + i) = result;
    }
  }

  Symbol combine(int rank, Symbol left, Symbol right, Place own) {
    if (left.tree == 0 || right.tree == 0) {
      fail(rank, "combines with ", to_string(own), ", where nothing is yet");
    } else if (left.element != right.element) {
      fail(rank, "combines element ", left.element, " with element ", right.element, " at ", to_string(own));
    } else if (left.completed || right.completed) {
      fail(rank, "combines a complete result once more at ", to_string(own));
    } else {
      return {trees_.combine(left.tree, right.tree), false, left.element};
    }
    return {};
  }

  void complete(int rank, Symbol& symbol) {
    if (!is_whole(symbol.tree)) fail(rank, "takes ", trees_.text(symbol.tree), " for the complete result");
    symbol.completed = true;
  }

  bool is_whole(ExpressionTrees::Tree tree) const {
    return task_.canonical ? tree == expected_ : trees_.same_leaves(tree, expected_);
  }

  void message_done(int rank) {
    Rank& self = state(rank);
    if (--self.open_messages > 0) return;
    const MessageSchedule& own = schedule(rank);
    for (const CombineOperands& each : own.combines(self.step)) {
      const auto operands = own.operands(each);
      for (std::uint64_t i = 0; i < each.count && error_.empty(); ++i) {
        Symbol result = self.memory.at(operands[0] + i);
        if (result.tree == 0) fail(rank, "combines ", to_string(operands[0] + i), ", where nothing is yet");
        if (operands.size() > 1) result = combine_all(rank, operands, i);
        if (each.completes) complete(rank, result);
        self.memory.at(each.to + i) = result;
      }
    }
    self.heard = self.hearing;
    ++self.step;
    ready_.push_back(rank);
  }

  Symbol combine_all(int rank, std::span<const Place> operands, std::uint64_t i) {
    if (operands.size() == 1) return state(rank).memory.at(operands[0] + i);
    const std::size_t half = std::bit_floor(operands.size() - 1);
    const Symbol left = combine_all(rank, operands.first(half), i);
    return combine(rank, left, combine_all(rank, operands.subspan(half), i), operands[half] + i);
  }

  void check_ended() {
    for (int rank = 0; rank < task_.part.size; ++rank) {
      if (state(rank).ended) continue;
      for (const Channel& each : channel_list_) {
        if (each.to == rank && each.first_awaited < each.awaited.size()) {
          return fail(rank, "waits for ever for a message from rank ", each.from);
        }
        if (each.from == rank && each.first_sent < each.sent.size() && channels_kind_ == Channels::rendezvous) {
          return fail(rank, "waits for ever for rank ", each.to, " to take a message");
        }
      }
    }
    for (const Channel& each : channel_list_) {
      if (each.first_sent < each.sent.size())
        return fail(each.from, "sends to rank ", each.to, ", which never takes it");
    }
  }

  void check_result(int rank) {
    Rank& self = state(rank);
    for (std::size_t word = 0; word < self.heard.size(); ++word) {
      const std::size_t left = schedules_.size() - 64 * word;
      const std::uint64_t all = left >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << left) - 1;
      if (self.heard[word] != all) return fail(rank, "passes the barrier before all ranks have come to it");
    }
    const bool reduces = is_reduction(task_.collective);
    for (std::uint64_t i = 0; i < task_.output_count(rank) && error_.empty(); ++i) {
      Symbol expected = task_.expected_output(rank, i);
      if (reduces) expected.tree = expected_;
      const Symbol got = self.memory.at(output_at(i));
      const bool right_tree = reduces ? got.tree != 0 && is_whole(got.tree) : got.tree == expected.tree;
      if (!right_tree || got.element != expected.element) {
        fail(rank, "ends with element ", got.element, " of ", trees_.text(got.tree), " at ", to_string(output_at(i)),
             " instead of element ", expected.element, " of ", trees_.text(expected.tree));
      } else if (got.completed != (reduces && task_.part.size > 1)) {
        fail(rank, "does not mark the complete result at ", to_string(output_at(i)));
      } else if (!task_.canonical) {  // whatever the order is, all ranks have the same
        const Symbol first = state(0).memory.at(output_at(i));
        if (task_.collective == Collective::all_reduce && got.tree != first.tree) {
          fail(rank, "has another order than rank 0 at ", to_string(output_at(i)));
        }
      }
    }
    if (!self.memory.input_is_unchanged(task_, rank)) fail(rank, "has changed its input");
  }

  std::span<const MessageSchedule> schedules_;
  const CollectiveTask& task_;
  Channels channels_kind_;
  ExpressionTrees trees_;
  ExpressionTrees::Tree expected_ = 0;
  std::vector<Rank> ranks_;
  std::vector<Channel> channel_list_;
  std::size_t channel_count_ = 0;
  std::vector<int> ready_;
  std::string error_;
};

inline std::string verify_schedules(std::span<const MessageSchedule> schedules, const CollectiveTask& task,
                                    Channels channels) {
  return ScheduleVerifier(schedules, task, channels).verify();
}

}  // namespace lockstep::detail
