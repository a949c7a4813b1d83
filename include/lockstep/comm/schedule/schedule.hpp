// What one rank does in one collective, as data: messages in steps, and what is combined with what. Sockets execute it,
// a simulator predicts its time, a verifier proves it; the functions that write schedules do no communication.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lockstep::detail {

/// The memory that a schedule speaks of: the buffers of the call (see Call), and scratch that the engine provides.
/// all_reduce and broadcast work in place: their buffer is `output`, and `input` is not used. Where the call's output
/// is a part of its input or holds it, schedules are right all the same.
enum class Space : std::uint8_t { input, output, scratch };

/// An element of one of the spaces. All positions and counts are in elements of the call's type.
struct Place {
  Space space = Space::output;
  std::uint64_t begin = 0;

  constexpr Place operator+(std::uint64_t elements) const { return {space, begin + elements}; }
  bool operator==(const Place&) const = default;
};

constexpr Place input_at(std::uint64_t begin) { return {Space::input, begin}; }
constexpr Place output_at(std::uint64_t begin) { return {Space::output, begin}; }
constexpr Place scratch_at(std::uint64_t begin) { return {Space::scratch, begin}; }

/// What becomes of the elements that arrive: they are stored, or combined with the rank's own as the left operand (they
/// come from lower ranks) or as the right one.
enum class OnArrival : std::uint8_t { store, as_left, as_right };

/// One message to `peer`, of `count` elements.
struct SendMessage {
  Place from;
  std::uint64_t count = 0;
  int peer = 0;
};

/// One message from `peer`. Combined arrivals give to[i] = arrived[i] o own[i], or own[i] o arrived[i]; `own` and `to`
/// are the same place or do not overlap. `completes`: the result is the reduction over all ranks, so means are scaled.
struct ReceiveMessage {
  Place to;
  Place own;
  std::uint64_t count = 0;
  int peer = 0;
  OnArrival arrival = OnArrival::store;
  bool completes = false;
};

/// Combines `operand_count` operands of `count` elements in the canonical tree, which is what reduce_slice does; one
/// operand is a copy. `to` may be one of the operands and overlaps none of them otherwise. `completes` as above.
/// `early`: nothing that this step still sends or receives lies in `to`, so that a prefix may be combined as soon as
/// all receives of the step have that prefix.
struct CombineOperands {
  Place to;
  std::uint64_t count = 0;
  std::uint32_t first_operand = 0;
  std::uint32_t operand_count = 0;
  bool completes = false;
  bool early = false;
};

/// Messages that proceed together, and what is combined after the last of them, in the order in which it is listed.
struct ScheduleStep {
  std::uint32_t first_send = 0, first_receive = 0, first_combine = 0;
};

/// The schedule of one rank. Ranks are numbered within the group that takes part, from 0.
///
/// How to execute it: steps in their order, a step begins when the one before it is done. All messages of a step
/// proceed at once, in any order and in any interleaving, but messages to one peer leave in the order of the list, and
/// messages from one peer arrive in the order of the list; the i-th message from a to b is the i-th that b takes from
/// a, and both lists give it the same count. Nobody waits for a peer's step: a message may be sent before its receiver
/// comes to the step that takes it, and a schedule ends even where nothing is buffered between the ranks. Within a step
/// no message is received into elements that the step also sends, receives elsewhere, or has as another message's
/// `own`; so arrivals can be stored and combined chunk by chunk while the step's sends are under way.
///
/// Messages of zero elements are part of the schedule (barriers are made of them). A schedule is written by the
/// functions of this folder from values that all ranks know, so that the ranks' schedules fit without a word between
/// them. `clear` keeps the memory: after the first uses no schedule allocates.
class MessageSchedule {
 public:
  std::size_t step_count() const { return steps_.size(); }
  std::span<const SendMessage> sends(std::size_t step) const { return part(sends_, step, &ScheduleStep::first_send); }
  std::span<const ReceiveMessage> receives(std::size_t step) const {
    return part(receives_, step, &ScheduleStep::first_receive);
  }
  std::span<const CombineOperands> combines(std::size_t step) const {
    return part(combines_, step, &ScheduleStep::first_combine);
  }
  std::span<const Place> operands(const CombineOperands& combine) const {
    return std::span(operands_).subspan(combine.first_operand, combine.operand_count);
  }
  /// Elements of scratch that the schedule needs; the engine aligns scratch to 64 bytes.
  std::uint64_t scratch_count() const { return scratch_count_; }

  std::span<const SendMessage> sends() const { return sends_; }
  std::span<const ReceiveMessage> receives() const { return receives_; }

  // For the writers of schedules.

  void clear() {
    steps_.clear();
    sends_.clear();
    receives_.clear();
    combines_.clear();
    operands_.clear();
    scratch_count_ = 0;
  }

  /// What follows belongs to a new step; steps without content do not exist.
  void next_step() {
    const ScheduleStep next{index(sends_), index(receives_), index(combines_)};
    if (!steps_.empty()) {
      const ScheduleStep& last = steps_.back();
      if (last.first_send == next.first_send && last.first_receive == next.first_receive &&
          last.first_combine == next.first_combine) {
        return;
      }
    }
    steps_.push_back(next);
  }

  /// Drops a last step that has remained empty. Call it when the schedule is written.
  void finish() {
    next_step();
    steps_.pop_back();
  }

  /// Scratch of `count` elements, from a multiple of `line` on.
  Place allocate_scratch(std::uint64_t count, std::uint64_t line) {
    const std::uint64_t begin = (scratch_count_ + line - 1) / line * line;
    scratch_count_ = begin + count;
    return scratch_at(begin);
  }

  // Nothing is sent for an empty range: both sides know it.
  void send(int peer, Place from, std::uint64_t count) {
    if (count > 0) sends_.push_back({from, count, peer});
  }
  void receive(int peer, Place to, std::uint64_t count) {
    if (count > 0) receives_.push_back({to, to, count, peer, OnArrival::store, false});
  }
  /// The arriving elements come from lower ranks (`OnArrival::as_left`) or higher ones and are combined with those at
  /// `own`.
  void receive_combined(int peer, OnArrival arrival, Place own, Place to, std::uint64_t count, bool completes) {
    if (count > 0) receives_.push_back({to, own, count, peer, arrival, completes});
  }

  /// A message without elements.
  void send_signal(int peer) { sends_.push_back({output_at(0), 0, peer}); }
  void receive_signal(int peer) { receives_.push_back({output_at(0), output_at(0), 0, peer, OnArrival::store, false}); }

  /// Adds an operand to the next `combine`.
  void operand(Place place) { operands_.push_back(place); }

  /// Combines the operands added since the last one.
  void combine(Place to, std::uint64_t count, bool completes, bool early = false) {
    const std::uint32_t first = combines_.empty() ? 0 : combines_.back().first_operand + combines_.back().operand_count;
    if (count == 0) {
      operands_.resize(first);
    } else {
      combines_.push_back({to, count, first, index(operands_) - first, completes, early});
    }
  }
  void copy(Place from, Place to, std::uint64_t count) {
    if (from == to) return;
    operand(from);
    combine(to, count, false, false);
  }

 private:
  template <class T>
  static std::uint32_t index(const std::vector<T>& list) {
    return static_cast<std::uint32_t>(list.size());
  }

  template <class T>
  std::span<const T> part(const std::vector<T>& list, std::size_t step, std::uint32_t ScheduleStep::*first) const {
    const std::size_t begin = steps_[step].*first;
    const std::size_t end = step + 1 < steps_.size() ? steps_[step + 1].*first : list.size();
    return std::span(list).subspan(begin, end - begin);
  }

  std::vector<ScheduleStep> steps_;
  std::vector<SendMessage> sends_;
  std::vector<ReceiveMessage> receives_;
  std::vector<CombineOperands> combines_;
  std::vector<Place> operands_;
  std::uint64_t scratch_count_ = 0;
};

}  // namespace lockstep::detail
