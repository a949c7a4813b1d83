// Executes a message schedule over connections: every message of a step is moved on as far as its socket allows, and
// what arrives is stored in place or combined chunk by chunk while the step's own messages are under way. Never waits.
#pragma once

#include <lockstep/comm/call/call.hpp>
#include <lockstep/comm/schedule/schedule.hpp>
#include <lockstep/comm/tcp/connection.hpp>
#include <lockstep/core/on_demand.hpp>
#include <lockstep/tensor/memory.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

namespace lockstep::detail {

/// A connection that cannot go on.
struct ConnectionTrouble {
  int peer = -1;
  Flow flow = Flow::idle;
  Connection* connection = nullptr;
};

class ScheduleRunner {
 public:
  /// `lanes` connections to each of `size` ranks, of which this is `rank`.
  ScheduleRunner(int rank, int size, int lanes)
      : rank_(rank), lane_count_(static_cast<std::size_t>(lanes)), peers_(static_cast<std::size_t>(size)) {}
  ScheduleRunner(const ScheduleRunner&) = delete;
  ScheduleRunner& operator=(const ScheduleRunner&) = delete;

  /// The next connection to `peer`; call it `lanes` times for each rank in their order, this one too.
  void add_lane(int peer, SecureStream& stream) { lanes_.push_back(Lane{Connection(stream), peer}); }
  std::size_t lane_count() const { return lanes_.size(); }
  Connection& lane(std::size_t index) { return lanes_[index].connection; }

  /// Begins the call that `schedule()` was filled for. `header` carries epoch, sequence and fingerprint.
  void begin(const Call& call, const DataHeader& header) {
    call_ = call;
    header_ = header;
    const std::size_t scratch = static_cast<std::size_t>(schedule_.scratch_count()) * call.element;
    if (scratch > scratch_.size()) scratch_ = AlignedMemory(scratch);
    for (const SendMessage& message : schedule_.sends()) peers_[index(message.peer)].sent = 0;
    for (const ReceiveMessage& message : schedule_.receives()) peers_[index(message.peer)].received = 0;
    trouble_ = {};
    step_ = 0;
    if (schedule_.step_count() > 0) begin_step();
  }

  MessageSchedule& schedule() { return schedule_; }
  bool done() const { return step_ == schedule_.step_count(); }
  const ConnectionTrouble& trouble() const { return trouble_; }

  /// Forgets the call under way: its buffers are not touched any more.
  void cancel() {
    schedule_.clear();
    step_ = 0;
    active_.clear();
  }

  /// Whether the present step waits for a message to or from this rank.
  bool waits_for(int peer) const {
    for (const std::size_t lane : active_) {
      if (lanes_[lane].peer == peer && (lanes_[lane].first_in != none || lanes_[lane].first_out != none)) return true;
    }
    return false;
  }

  /// Looks at the sockets from which something is expected without having been told to.
  void look_again() {
    for (const std::size_t lane : active_) {
      if (lanes_[lane].first_in != none) lanes_[lane].connection.look_again();
    }
  }

  /// Does what can be done now; whether anything moved.
  bool advance() {
    bool any = false;
    while (!done() && trouble_.peer < 0) {
      bool moved = false;
      for (const std::size_t lane : active_) {
        moved |= push(lanes_[lane]);
        moved |= pull(lanes_[lane]);
        if (trouble_.peer >= 0) return any || moved;
      }
      if (unfinished_ == 0) {
        finish_step();
        moved = true;
      }
      if (!moved) return any;
      any = true;
    }
    return any;
  }

 private:
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::size_t stripe_from = std::size_t{1} << 20;   // bytes that are worth more than one connection
  static constexpr std::size_t early_from = std::size_t{64} * 1024;  // bytes that are worth combining before the rest

  /// A message, or the part of one that takes one connection.
  struct Transfer {
    std::byte* to = nullptr;  // sends: from
    std::byte* own = nullptr;
    std::size_t bytes = 0;
    std::size_t moved = 0;  // of the payload, where receives are concerned
    std::uint32_t number = 0;
    std::uint32_t next = none;  // on the same connection
    OnArrival arrival = OnArrival::store;
    bool completes = false;
  };

  struct Lane {
    Connection connection;
    int peer = 0;
    std::uint32_t first_out = none, last_out = none, first_in = none, last_in = none;  // indices of transfers
    AlignedMemory chunk = {};  // where what is to be combined arrives
  };

  /// Messages so far within the call.
  struct PeerCount {
    std::uint32_t sent = 0, received = 0;
  };

  /// Where the transfers of a receive begin, for prefixes.
  struct Arriving {
    std::uint32_t first = 0, count = 0;
  };

  static constexpr std::size_t index(int rank) { return static_cast<std::size_t>(rank); }

  std::byte* address(Place place) {
    std::byte* base = place.space == Space::input    ? const_cast<std::byte*>(call_.input)
                      : place.space == Space::output ? call_.output
                                                     : scratch_.data();
    return base + place.begin * call_.element;
  }

  void begin_step() {
    transfers_.clear();
    arriving_.clear();
    active_.clear();
    for (const SendMessage& message : schedule_.sends(step_)) {
      const Transfer whole{.to = address(message.from), .number = peers_[index(message.peer)].sent++};
      add(whole, message.peer, message.count * call_.element, false);
    }
    for (const ReceiveMessage& message : schedule_.receives(step_)) {
      const Transfer whole{.to = address(message.to),
                           .own = address(message.own),
                           .number = peers_[index(message.peer)].received++,
                           .arrival = message.arrival,
                           .completes = message.completes};
      const auto first = static_cast<std::uint32_t>(transfers_.size());
      add(whole, message.peer, message.count * call_.element, true);
      arriving_.push_back({first, static_cast<std::uint32_t>(transfers_.size()) - first});
    }
    unfinished_ = transfers_.size();
    early_.assign(schedule_.combines(step_).size(), 0);
    if (unfinished_ == 0) return;
    for (const std::size_t lane : active_) {
      start_sending(lanes_[lane]);
      start_receiving(lanes_[lane]);
    }
  }

  /// Long messages are cut into one part for each connection. Where there are several, short ones of each direction
  /// have one of their own: the kernel then never receives for a connection while this rank sends over it.
  void add(const Transfer& whole, int peer, std::uint64_t total, bool incoming) {
    const auto bytes = static_cast<std::size_t>(total);
    const bool upward = (rank_ < peer) != incoming;  // from the lower rank to the higher one
    const std::size_t parts = bytes >= stripe_from ? lane_count_ : 1;
    const std::size_t first_lane = parts == 1 && !upward ? lane_count_ - 1 : 0;
    for (std::size_t part = 0; part < parts; ++part) {
      const std::size_t begin = bytes / 64 * part / parts * 64;
      const std::size_t end = part + 1 == parts ? bytes : bytes / 64 * (part + 1) / parts * 64;
      Transfer transfer = whole;
      transfer.to += begin;
      if (incoming) transfer.own += begin;
      transfer.bytes = end - begin;
      const auto number = static_cast<std::uint32_t>(transfers_.size());
      transfers_.push_back(transfer);
      const std::size_t lane_index = index(peer) * lane_count_ + first_lane + part;
      Lane& lane = lanes_[lane_index];
      if (lane.first_in == none && lane.first_out == none) active_.push_back(lane_index);
      std::uint32_t& first = incoming ? lane.first_in : lane.first_out;
      std::uint32_t& last = incoming ? lane.last_in : lane.last_out;
      if (first == none) {
        first = number;
      } else {
        transfers_[last].next = number;
      }
      last = number;
    }
  }

  DataHeader header_of(const Transfer& transfer) const {
    DataHeader header = header_;
    header.step = header_.step + transfer.number;
    header.length = transfer.bytes;
    return header;
  }

  void start_sending(Lane& lane) {
    if (lane.first_out == none) return;
    const Transfer& transfer = transfers_[lane.first_out];
    lane.connection.send(header_of(transfer), transfer.to);
  }

  void start_receiving(Lane& lane) {
    if (lane.first_in == none) return;
    const Transfer& transfer = transfers_[lane.first_in];
    if (transfer.arrival != OnArrival::store) {
      const std::size_t wanted = std::min(transfer.bytes, Connection::burst);
      if (lane.chunk.size() < wanted) lane.chunk = AlignedMemory(std::max(wanted, std::size_t{4096}));
    }
    lane.connection.expect(header_of(transfer));
  }

  bool push(Lane& lane) {
    if (lane.first_out == none) return false;
    const Flow flow = lane.connection.advance_sending();
    if (is_trouble(flow)) return report(lane, flow);
    if (lane.connection.sending()) return flow == Flow::moved;
    lane.first_out = transfers_[lane.first_out].next;
    --unfinished_;
    start_sending(lane);
    return true;
  }

  bool pull(Lane& lane) {
    if (lane.first_in == none) return false;
    Transfer& transfer = transfers_[lane.first_in];
    Sink sink{*this, lane, transfer};
    const Flow flow = lane.connection.advance_receiving(sink);
    if (is_trouble(flow)) return report(lane, flow);
    if (lane.connection.receiving()) return flow == Flow::moved;
    lane.first_in = transfer.next;
    --unfinished_;
    start_receiving(lane);
    return true;
  }

  bool report(const Lane& lane, Flow flow) {
    trouble_ = {lane.peer, flow, const_cast<Connection*>(&lane.connection)};
    return false;
  }

  /// Payload that is combined goes through the lane's chunk, which stays in the cache.
  struct Sink {
    ScheduleRunner& runner;
    Lane& lane;
    Transfer& transfer;

    std::span<std::byte> window(std::size_t offset) const {
      const std::size_t within = offset % Connection::burst;
      const std::size_t length = std::min(Connection::burst - within, transfer.bytes - offset);
      return {transfer.arrival == OnArrival::store ? transfer.to + offset : lane.chunk.data() + within, length};
    }

    void filled(std::size_t offset, std::size_t bytes) const {
      const std::size_t end = offset + bytes;
      if (transfer.arrival == OnArrival::store) {
        transfer.moved = end;
      } else if (end == transfer.bytes || end % Connection::burst == 0) {
        const std::size_t begin = (end - 1) / Connection::burst * Connection::burst;
        runner.combine_chunk(transfer, lane.chunk.data(), begin, end - begin);
        transfer.moved = end;
      }
      runner.combine_early(false);
    }
  };

  Reduction partial_reduction() const {
    return call_.fingerprint.reduction == Reduction::mean ? Reduction::sum : call_.fingerprint.reduction;
  }

  void combine_chunk(const Transfer& transfer, const std::byte* arrived, std::size_t offset, std::size_t bytes) {
    const std::byte* own = transfer.own + offset;
    std::byte* to = transfer.to + offset;
    const std::byte* const inputs[2] = {transfer.arrival == OnArrival::as_left ? arrived : own,
                                        transfer.arrival == OnArrival::as_left ? own : arrived};
    const std::size_t count = bytes / call_.element;
    call_.reduce(partial_reduction(), inputs, 2, &to, 1, count);
    if (transfer.completes) complete(to, count);
  }

  void complete(std::byte* result, std::size_t count) {
    if (call_.fingerprint.reduction == Reduction::mean) call_.scale(result, count, static_cast<int>(peers_.size()));
  }

  void finish_step() {
    combine_early(true);
    ++step_;
    if (!done()) begin_step();
  }

  /// Combines what has arrived of the operands in this step: at the end of the step the rest, and all that is not
  /// early.
  void combine_early(bool all) {
    const std::span<const CombineOperands> combines = schedule_.combines(step_);
    if (combines.empty()) return;
    std::uint64_t prefix = std::numeric_limits<std::uint64_t>::max();
    for (std::size_t i = 0; !all && i < arriving_.size(); ++i) prefix = std::min(prefix, prefix_of(arriving_[i]));
    for (std::size_t i = 0; i < combines.size(); ++i) {
      const std::uint64_t end = std::min(combines[i].count, prefix);
      if (all || (combines[i].early && (end - early_[i]) * call_.element >= early_from)) {
        combine(combines[i], early_[i], end - early_[i]);
        early_[i] = end;
      }
    }
  }

  /// Elements from the front of a message that are there; all of them count as more than any message has.
  std::uint64_t prefix_of(const Arriving& arriving) const {
    std::uint64_t bytes = 0;
    for (std::uint32_t part = 0; part < arriving.count; ++part) {
      const Transfer& transfer = transfers_[arriving.first + part];
      bytes += transfer.moved;
      if (transfer.moved < transfer.bytes) return bytes / call_.element;
    }
    return std::numeric_limits<std::uint64_t>::max();
  }

  void combine(const CombineOperands& work, std::uint64_t begin, std::uint64_t count) {
    if (count == 0) return;
    std::byte* to = address(work.to + begin);
    const std::span<const Place> operands = schedule_.operands(work);
    const auto length = static_cast<std::size_t>(count);
    if (operands.size() == 1) {
      std::memmove(to, address(operands[0] + begin), length * call_.element);
      if (work.completes) complete(to, length);
      return;
    }
    pointers_.clear();
    for (const Place operand : operands) pointers_.push_back(address(operand + begin));
    // All inputs at once: then the mean of 16-bit numbers is rounded once, too.
    const bool all = work.completes && operands.size() == peers_.size();
    call_.reduce(all ? call_.fingerprint.reduction : partial_reduction(), pointers_.data(),
                 static_cast<int>(operands.size()), &to, 1, length);
    if (work.completes && !all) complete(to, length);
  }

  int rank_;
  std::size_t lane_count_;
  std::vector<PeerCount> peers_;
  std::vector<Lane> lanes_;
  MessageSchedule schedule_;
  Call call_;
  DataHeader header_;
  AlignedMemory scratch_;
  std::size_t step_ = 0;
  std::vector<Transfer> transfers_;  // of the step
  std::vector<Arriving> arriving_;
  std::vector<std::uint64_t> early_;  // elements that each combine of the step has done
  std::vector<std::size_t> active_;   // lanes with messages in the step
  std::size_t unfinished_ = 0;
  std::vector<const std::byte*> pointers_;
  ConnectionTrouble trouble_;
};

}  // namespace lockstep::detail
