// send and receive: each pair of ranks has a connection for them, on which the messages of a direction follow each
// other in the order of their calls. Collectives are not held up by them. Never waits.
#pragma once

#include <lockstep/comm/call/call.hpp>
#include <lockstep/comm/tcp/connection.hpp>
#include <lockstep/comm/tcp/schedule_runner.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lockstep::detail {

/// Names one message: the peer, the direction and how many there were before it.
struct MessageTicket {
  bool incoming = false;
  int peer = 0;
  std::uint64_t number = 0;

  static constexpr std::uint64_t mark = std::uint64_t{1} << 63;
  static constexpr bool is_one(std::uint64_t ticket) { return (ticket & mark) != 0; }

  constexpr std::uint64_t packed() const {
    return mark | std::uint64_t{incoming} << 62 | static_cast<std::uint64_t>(peer) << 44 | number;
  }
  static constexpr MessageTicket unpack(std::uint64_t ticket) {
    return {(ticket >> 62 & 1) != 0, static_cast<int>(ticket >> 44 & 0x3ffff), ticket & ((std::uint64_t{1} << 44) - 1)};
  }
};

class MessageQueues {
 public:
  explicit MessageQueues(std::uint64_t epoch) : epoch_(epoch) {}
  MessageQueues(const MessageQueues&) = delete;
  MessageQueues& operator=(const MessageQueues&) = delete;

  /// The connection to the next rank.
  void add_peer(SecureStream& stream) { peers_.push_back(Peer{Connection(stream)}); }
  Connection& connection(int peer) { return peers_[static_cast<std::size_t>(peer)].connection; }

  std::uint64_t start(const Call& call) {
    const bool incoming = call.fingerprint.collective == Collective::receive;
    const int rank = call.fingerprint.root;
    Peer& peer = peers_[static_cast<std::size_t>(rank)];
    Way& way = incoming ? peer.in : peer.out;
    way.calls.push_back(call);
    if (peer.pending() == 1) busy_.push_back(rank);
    const std::uint64_t number = way.completed + way.waiting() - 1;
    if (way.waiting() == 1) begin(peer, incoming);
    return MessageTicket{incoming, rank, number}.packed();
  }

  bool done(std::uint64_t ticket) const {
    const MessageTicket message = MessageTicket::unpack(ticket);
    const Peer& peer = peers_[static_cast<std::size_t>(message.peer)];
    return message.number < (message.incoming ? peer.in : peer.out).completed;
  }

  bool idle() const { return busy_.empty(); }
  std::size_t pending() const {
    std::size_t count = 0;
    for (const int peer : busy_) count += peers_[static_cast<std::size_t>(peer)].pending();
    return count;
  }
  bool waits_for(int peer) const { return peers_[static_cast<std::size_t>(peer)].pending() > 0; }
  const ConnectionTrouble& trouble() const { return trouble_; }

  /// The call that the connection to `peer` works on, a receive where there is one.
  const Call& current(int peer) const {
    const Peer& entry = peers_[static_cast<std::size_t>(peer)];
    return entry.in.waiting() > 0 ? entry.in.front() : entry.out.front();
  }
  /// The calls that are under way, for errors.
  const std::vector<int>& busy() const { return busy_; }

  void look_again() {
    for (const int peer : busy_) {
      if (peers_[static_cast<std::size_t>(peer)].in.waiting() > 0) connection(peer).look_again();
    }
  }

  /// Forgets what is under way: no buffer is touched any more.
  void cancel() {
    for (const int peer : busy_) {
      peers_[static_cast<std::size_t>(peer)].in.clear();
      peers_[static_cast<std::size_t>(peer)].out.clear();
    }
    busy_.clear();
  }

  bool advance() {
    bool any = false;
    for (std::size_t i = 0; i < busy_.size() && trouble_.peer < 0;) {
      Peer& peer = peers_[static_cast<std::size_t>(busy_[i])];
      for (bool moved = true; moved;) {
        moved = false;
        for (const bool incoming : {false, true}) {
          Way& way = incoming ? peer.in : peer.out;
          if (way.waiting() == 0) continue;
          const Flow flow = move(peer, incoming);
          if (is_trouble(flow)) {
            trouble_ = {busy_[i], flow, &peer.connection};
            return any;
          }
          if (incoming ? !peer.connection.receiving() : !peer.connection.sending()) {
            way.pop();
            if (way.waiting() > 0) begin(peer, incoming);
            moved = true;
          }
          moved |= flow == Flow::moved;
        }
        any |= moved;
      }
      if (peer.pending() == 0) {
        busy_[i] = busy_.back();
        busy_.pop_back();
      } else {
        ++i;
      }
    }
    return any;
  }

  /// What both sides say of a message: its type and count.
  static constexpr std::uint64_t fingerprint_of(const Call& call) {
    return Fingerprint{.collective = Collective::send, .dtype = call.fingerprint.dtype, .count = call.fingerprint.count}
        .packed();
  }

 private:
  /// The messages of one direction, the oldest first; its memory stays.
  struct Way {
    std::vector<Call> calls;
    std::size_t begin = 0;
    std::uint64_t completed = 0;

    std::size_t waiting() const { return calls.size() - begin; }
    const Call& front() const { return calls[begin]; }
    void pop() {
      ++completed;
      if (++begin == calls.size()) {
        clear();
      } else if (begin >= 1024) {
        calls.erase(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(begin));
        begin = 0;
      }
    }
    void clear() {
      calls.clear();
      begin = 0;
    }
  };

  struct Peer {
    Connection connection;
    Way out = {}, in = {};
    std::size_t pending() const { return out.waiting() + in.waiting(); }
  };

  void begin(Peer& peer, bool incoming) {
    const Way& way = incoming ? peer.in : peer.out;
    const Call& call = way.front();
    const DataHeader header{epoch_, way.completed, fingerprint_of(call), call.piece, 0};
    if (incoming) {
      peer.connection.expect(header);
    } else {
      peer.connection.send(header, call.input);
    }
  }

  Flow move(Peer& peer, bool incoming) {
    if (!incoming) return peer.connection.advance_sending();
    const Call& call = peer.in.front();
    PlaceSink sink{call.output, call.piece};
    return peer.connection.advance_receiving(sink);
  }

  std::uint64_t epoch_;
  std::vector<Peer> peers_;
  std::vector<int> busy_;
  ConnectionTrouble trouble_;
};

}  // namespace lockstep::detail
