// The time of a collective: the library's schedules of all ranks, message by message, on links that obey the cost
// model.
#pragma once

#include <lockstep/comm/schedule/link_model.hpp>
#include <lockstep/comm/schedule/schedule.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <queue>
#include <span>
#include <tuple>
#include <vector>

namespace scale {

using lockstep::detail::CombineOperands;
using lockstep::detail::LinkModel;
using lockstep::detail::MessageSchedule;
using lockstep::detail::OnArrival;
using lockstep::detail::ReceiveMessage;
using lockstep::detail::SendMessage;

/// Discrete events. Each rank has one port to send and one to receive, both busy with one message at a time: overhead
/// and n beta for n bytes. The first byte arrives alpha after it has left; messages wait for a busy port in the order
/// in which they arrive, and are buffered until their receiver comes to the step that takes them. A step ends when its
/// messages have gone and come and all that it combines is combined.
class Simulation {
 public:
  Simulation(std::span<const MessageSchedule> schedules, std::size_t element, const LinkModel& link)
      : schedules_(schedules), element_(element), link_(link), ranks_(schedules.size()) {
    pair_messages();
  }

  /// Seconds until the last rank is done.
  double run() {
    for (std::size_t rank = 0; rank < ranks_.size(); ++rank) begin_step(rank, 0);
    while (!events_.empty()) {
      const Event event = events_.top();
      events_.pop();
      if (event.arrives) {
        arrive(event.rank, event.message, event.time);
      } else {
        end_step(event.rank, event.time);
      }
    }
    return static_cast<double>(last_) * 1e-12;
  }

  /// Whether all ranks came to their end.
  bool complete() const {
    return std::all_of(ranks_.begin(), ranks_.end(), [&](const Rank& rank) {
      return rank.step == schedules_[static_cast<std::size_t>(&rank - ranks_.data())].step_count();
    });
  }

 private:
  using Time = std::uint64_t;  // picoseconds

  struct Rank {
    std::size_t step = 0;
    std::size_t awaited = 0;  // messages of the step that are still to come
    Time step_end = 0;        // as far as it is known
    Time send_port_free = 0, receive_port_free = 0;
    std::vector<std::uint32_t> receive_of_send;  // index among the receiver's messages
    std::vector<Time> arrived;                   // by index of the receive; 0: not yet
  };

  struct Event {
    Time time = 0;
    bool arrives = false;
    std::uint32_t rank = 0, message = 0;
    bool operator<(const Event& other) const {  // the earliest is the top of the queue
      return std::tie(other.time, other.arrives, other.rank, other.message) < std::tie(time, arrives, rank, message);
    }
  };

  // The k-th message from a to b is the k-th that b takes from a.
  void pair_messages() {
    std::vector<std::vector<std::uint32_t>> by_peer(ranks_.size());
    for (std::size_t rank = 0; rank < ranks_.size(); ++rank) {
      const auto receives = schedules_[rank].receives();
      ranks_[rank].arrived.resize(receives.size());
      by_peer[rank].resize(receives.size());
      for (std::size_t i = 0; i < receives.size(); ++i) by_peer[rank][i] = static_cast<std::uint32_t>(i);
      std::stable_sort(by_peer[rank].begin(), by_peer[rank].end(),
                       [&](std::uint32_t a, std::uint32_t b) { return receives[a].peer < receives[b].peer; });
    }
    std::vector<std::uint32_t> sent_to(ranks_.size());
    for (std::size_t rank = 0; rank < ranks_.size(); ++rank) {
      for (const SendMessage& send : schedules_[rank].sends()) {
        const auto peer = static_cast<std::size_t>(send.peer);
        const auto receives = schedules_[peer].receives();
        const auto first = std::lower_bound(by_peer[peer].begin(), by_peer[peer].end(), static_cast<int>(rank),
                                            [&](std::uint32_t index, int from) { return receives[index].peer < from; });
        ranks_[rank].receive_of_send.push_back(first[sent_to[peer]++]);
      }
      for (const SendMessage& send : schedules_[rank].sends()) sent_to[static_cast<std::size_t>(send.peer)] = 0;
    }
  }

  Time wire_time(std::uint64_t elements) const { return elements * element_ * link_.beta_picoseconds_per_byte; }

  std::size_t index_of(std::size_t rank, const SendMessage& send) const {
    return static_cast<std::size_t>(&send - schedules_[rank].sends().data());
  }

  void begin_step(std::size_t index, Time now) {
    Rank& rank = ranks_[index];
    const MessageSchedule& schedule = schedules_[index];
    last_ = std::max(last_, now);
    if (rank.step == schedule.step_count()) return;
    rank.step_end = now;
    for (const SendMessage& send : schedule.sends(rank.step)) {
      const Time start = std::max(now, rank.send_port_free);
      rank.send_port_free = start + link_.overhead() + wire_time(send.count);
      rank.step_end = std::max(rank.step_end, rank.send_port_free);
      events_.push({start + link_.alpha(), true, static_cast<std::uint32_t>(send.peer),
                    rank.receive_of_send[index_of(index, send)]});
    }
    rank.awaited = 1;
    for (const ReceiveMessage& receive : schedule.receives(rank.step)) {
      const Time arrived = rank.arrived[static_cast<std::size_t>(&receive - schedule.receives().data())];
      if (arrived > 0) {
        rank.step_end = std::max(rank.step_end, arrived);
      } else {
        ++rank.awaited;
      }
    }
    message_done(index);
  }

  void arrive(std::size_t index, std::size_t message, Time now) {
    Rank& rank = ranks_[index];
    const MessageSchedule& schedule = schedules_[index];
    const Time end = std::max(now, rank.receive_port_free) + wire_time(schedule.receives()[message].count);
    rank.receive_port_free = end + link_.overhead();
    rank.arrived[message] = end;
    if (rank.step >= schedule.step_count()) return;
    const auto current = schedule.receives(rank.step);
    const auto first = static_cast<std::size_t>(current.data() - schedule.receives().data());
    if (message < first || message >= first + current.size()) return;
    rank.step_end = std::max(rank.step_end, end);
    message_done(index);
  }

  void message_done(std::size_t index) {
    Rank& rank = ranks_[index];
    if (--rank.awaited > 0) return;
    const MessageSchedule& schedule = schedules_[index];
    std::uint64_t combined = 0;
    for (const ReceiveMessage& receive : schedule.receives(rank.step)) {
      if (receive.arrival != OnArrival::store) combined += receive.count;
    }
    for (const CombineOperands& combine : schedule.combines(rank.step)) {
      combined += combine.count * std::max<std::uint64_t>(1, combine.operand_count - 1);
    }
    events_.push({rank.step_end + link_.combine(combined * element_), false, static_cast<std::uint32_t>(index), 0});
  }

  void end_step(std::size_t index, Time now) {
    ++ranks_[index].step;
    begin_step(index, now);
  }

  std::span<const MessageSchedule> schedules_;
  std::size_t element_;
  LinkModel link_;
  std::vector<Rank> ranks_;
  std::priority_queue<Event> events_;
  Time last_ = 0;
};

}  // namespace scale
