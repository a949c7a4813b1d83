// The messages that one rank sends and receives: for each peer two queues, which advance independently of each other
// and of the collectives. Nothing here waits.
#pragma once

#include <lockstep/comm/call/call.hpp>
#include <lockstep/comm/host/channel.hpp>
#include <lockstep/comm/host/control_page.hpp>
#include <lockstep/comm/host/failure.hpp>
#include <lockstep/comm/host/member.hpp>
#include <lockstep/comm/host/message_fifo.hpp>
#include <lockstep/core/concat.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace lockstep::detail {

template <HostTransport Transport>
class MessageQueue {
 public:
  explicit MessageQueue(Member<Transport>& member) : member_(member) {}
  MessageQueue(const MessageQueue&) = delete;
  MessageQueue& operator=(const MessageQueue&) = delete;

  std::uint64_t pending() const { return pending_; }  ///< Messages that are not done.
  std::uint64_t events() const { return events_; }    ///< Counts every step forward.

  bool is_done(std::uint64_t ticket) const { return fifo_of(ticket).is_done(number_of(ticket)); }

  /// The call behind a ticket that is not done.
  std::string describe(std::uint64_t ticket) const {
    return to_string(Fingerprint::unpack(fifo_of(ticket)[number_of(ticket)].fingerprint));
  }

  /// Whether a message to or from this peer is not done.
  bool waits_for(int peer) const {
    if (pending_ == 0) return false;
    const Peer& line = peers_[static_cast<std::size_t>(peer)];
    return !line.sends.empty() || !line.receives.empty();
  }

  /// Begins a message and does of it what can be done now; returns its ticket.
  LOCKSTEP_ON_DEMAND std::uint64_t post(const Call& call) {
    if (peers_.empty()) peers_.resize(static_cast<std::size_t>(member_.size()));
    const int peer = call.fingerprint.root;
    Peer& line = peers_[static_cast<std::size_t>(peer)];
    const bool send = call.fingerprint.collective == Collective::send;
    Message message;
    message.fingerprint = call.fingerprint.packed();
    message.bytes = call.piece;
    if (send) {
      open(line, peer);
      message.buffer = const_cast<std::byte*>(call.input);  // only read
      message.path = call.piece <= eager_bytes ? MessagePath::eager : MessagePath::piped;
    } else {
      message.buffer = call.output;
    }
    MessageFifo& fifo = send ? line.sends : line.receives;
    message.record = member_.recorder().begin(message.fingerprint, fifo.end());
    const std::uint64_t number = fifo.push(message);
    ++pending_;
    if (send) {
      push(line, peer);
    } else {
      pull(line, peer);
    }
    return message_ticket(send, peer, number);
  }

  /// Does all that can be done now; returns whether anything moved.
  LOCKSTEP_ON_DEMAND bool advance() {
    const std::uint64_t before = events_;
    for (int peer = 0; peer < static_cast<int>(peers_.size()); ++peer) {
      Peer& line = peers_[static_cast<std::size_t>(peer)];
      if (!line.sends.empty()) push(line, peer);
      if (!line.receives.empty()) pull(line, peer);
    }
    return events_ != before;
  }

 private:
  struct Peer {
    MessageFifo sends, receives;
    Channel out, in;
    std::uint64_t next_send = 0;  // the first send that is not wholly in the channel
    std::uint64_t directs = 0;    // direct messages sent
    std::uint64_t copied = 0;     // direct messages received
  };

  const MessageFifo& fifo_of(std::uint64_t ticket) const {
    const Peer& line = peers_[static_cast<std::size_t>(peer_of(ticket))];
    return is_send(ticket) ? line.sends : line.receives;
  }

  void finish(Message& message) {
    message.done = true;
    if (message.path != MessagePath::eager) member_.recorder().look_at_clock();
    member_.recorder().finish(message.record);
    --pending_;
    ++events_;
  }

  /// Makes the channel to a peer, at the first message: the pages are taken here, where a shortage is an error.
  LOCKSTEP_ON_DEMAND void open(Peer& line, int peer) {
    if (line.out.is_open()) return;
    const ControlPage& page = member_.page();
    const std::size_t bytes = page.channel_bytes();
    const int status = member_.transport().reserve(page.channel_offset(member_.rank(), peer), bytes);
    if (status != 0) {
      member_.fail(concat(describe_rank(page, member_.rank()), " could not have ", bytes,
                          " bytes of shared memory for messages to rank ", peer, ": ", std::strerror(status),
                          "; free memory, or raise the limit of the container's shared memory"));
    }
    Channel::construct(page.channel(member_.rank(), peer));
    line.out = Channel(page.channel(member_.rank(), peer), bytes);
    member_.own().opened[peer].store(1, std::memory_order_seq_cst);
  }

  /// Sends what there is room for, and looks which direct messages have been copied.
  LOCKSTEP_ON_DEMAND void push(Peer& line, int peer) {
    while (line.next_send < line.sends.end() && put(line, peer, line.sends[line.next_send])) ++line.next_send;
    const std::uint64_t copied = line.out.control().receiver.copied.load();
    for (std::uint64_t number = line.sends.first(); number < line.next_send; ++number) {
      Message& message = line.sends[number];
      if (!message.done && message.direct < copied) finish(message);
    }
    line.sends.drop_done();
  }

  /// True when nothing of the message is left to put into the channel.
  bool put(Peer& line, int peer, Message& message) {
    Channel& channel = line.out;
    if (!message.under_way) {
      if (channel.room() < line_bytes + (message.path == MessagePath::eager ? whole_lines(message.bytes) : 0)) {
        return false;
      }
      MessageHead head{};
      head.fingerprint = message.fingerprint;
      head.location.space = Location::staged;
      if (message.path == MessagePath::piped) {
        const Location location = member_.transport().locate(message.buffer, message.bytes);
        if (location.space != Location::staged) {
          head.location = location;
          message.path = MessagePath::direct;
          message.direct = line.directs++;
        }
      }
      channel.write(&head, sizeof head);
      message.under_way = true;
      ++events_;
      if (message.path != MessagePath::eager) publish_written(channel, peer);
      if (message.path == MessagePath::direct) return true;
    }
    while (message.moved < message.bytes) {
      const std::size_t rest = message.bytes - message.moved, room = channel.room();
      const std::size_t length = std::min({rest, room, std::max(channel.chunk(), eager_bytes)});
      if (length == 0) return false;
      channel.write(message.buffer + message.moved, length);
      message.moved += length;
      ++events_;
      if (message.path != MessagePath::eager) publish_written(channel, peer);
    }
    if (message.path == MessagePath::eager) publish_written(channel, peer);
    finish(message);
    return true;
  }

  void publish_written(Channel& channel, int peer) {
    member_.publish_to(peer, channel.control().sender.written, channel.written());
  }

  /// Receives what has come.
  LOCKSTEP_ON_DEMAND void pull(Peer& line, int peer) {
    if (!line.in.is_open()) {
      const ControlPage& page = member_.page();
      if (page.rank(peer).opened[member_.rank()].load() == 0) return;
      line.in = Channel(page.channel(peer, member_.rank()), page.channel_bytes());
    }
    while (!line.receives.empty() && take(line, peer, line.receives[line.receives.first()])) line.receives.drop_done();
  }

  /// True when the message is there.
  bool take(Peer& line, int peer, Message& message) {
    Channel& channel = line.in;
    if (!message.under_way) {
      if (channel.available() == 0) return false;
      MessageHead head{};
      channel.read(&head, sizeof head);
      compare(line, peer, message, head);
      message.under_way = true;
      ++events_;
      if (head.location.space != Location::staged) {
        message.path = MessagePath::direct;
        copy(line, peer, message, head.location);
        finish(message);
        return true;
      }
    }
    while (message.moved < message.bytes) {
      const std::size_t length =
          std::min({message.bytes - message.moved, channel.available(), std::max(channel.chunk(), eager_bytes)});
      if (length == 0) return false;
      channel.read(message.buffer + message.moved, length);
      message.moved += length;
      ++events_;
      if (message.moved < message.bytes) member_.publish_to(peer, channel.control().receiver.read, channel.read());
    }
    member_.publish_to(peer, channel.control().receiver.read, channel.read());
    finish(message);
    return true;
  }

  /// The two calls must agree about type and count.
  void compare(const Peer& line, int peer, const Message& message, const MessageHead& head) {
    const Fingerprint own = Fingerprint::unpack(message.fingerprint), other = Fingerprint::unpack(head.fingerprint);
    if (own.dtype == other.dtype && own.count == other.count) return;
    const ControlPage& page = member_.page();
    member_.fail(concat("message #", line.receives.first() + 1, " from rank ", peer, " to rank ", member_.rank(),
                        " is not the one expected: ", describe_rank(page, peer), " called ", to_string(other), "; ",
                        describe_rank(page, member_.rank()), " called ", to_string(own),
                        "; a message is received with the type and count it was sent with"));
  }

  /// Copies a message straight from the sender's memory.
  void copy(Peer& line, int peer, Message& message, Location location) {
    const std::byte* from = member_.transport().reach(peer, location, message.bytes);
    if (from == nullptr) {
      member_.fail(concat("in ", to_string(Fingerprint::unpack(message.fingerprint)), " ",
                          describe_rank(member_.page(), peer), " sends memory from allocate() that rank ",
                          member_.rank(), " has released; keep memory until no rank uses it"));
    }
    if (!member_.work_on_peers([&] { std::memcpy(message.buffer, from, message.bytes); })) {
      member_.fail_with_group(to_string(Fingerprint::unpack(message.fingerprint)));
    }
    ChannelControl& control = line.in.control();
    control.receiver.read.store(line.in.read(), std::memory_order_relaxed);
    member_.publish_to(peer, control.receiver.copied, ++line.copied);
  }

  Member<Transport>& member_;
  std::vector<Peer> peers_;  // made for the first message
  std::uint64_t pending_ = 0;
  std::uint64_t events_ = 0;
};

}  // namespace lockstep::detail
