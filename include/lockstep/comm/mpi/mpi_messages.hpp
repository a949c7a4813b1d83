// Messages from rank to rank. A header says what was sent, so that a receive of something else is an error with a
// name; short messages ride in the header.
#pragma once

#include <lockstep/comm/call/call.hpp>
#include <lockstep/comm/mpi/mpi_api.hpp>
#include <lockstep/comm/mpi/mpi_requests.hpp>
#include <lockstep/tensor/memory.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

namespace lockstep::detail {

/// One send or receive under way.
struct MpiMessage {
  std::uint64_t ticket = 0;
  std::uint64_t number = 0;  ///< Among the messages of this rank and peer in this direction, from 0.
  Call call;
  AlignedMemory header;
  MpiRequests requests;
  bool body = false;  ///< The header has been read.

  bool is_send() const { return call.fingerprint.collective == Collective::send; }
  int peer() const { return call.fingerprint.root; }
};

/// The messages of one rank. Any number may be under way: a bound would make ranks wait for each other's receives.
class MpiMessages {
 public:
  MpiMessages(MPI_Comm communicator, int size)
      : communicator_(communicator), sent_(static_cast<std::size_t>(size)), received_(static_cast<std::size_t>(size)) {}

  bool empty() const { return active_.empty(); }
  std::size_t pending() const { return active_.size(); }
  std::uint64_t sent_to(int peer) const { return sent_[static_cast<std::size_t>(peer)]; }
  std::uint64_t received_from(int peer) const { return received_[static_cast<std::size_t>(peer)]; }

  /// The message with this ticket, or null when it is done.
  MpiMessage* find(std::uint64_t ticket) {
    for (MpiMessage& message : active_) {
      if (message.ticket == ticket) return &message;
    }
    return nullptr;
  }
  std::vector<MpiMessage>& active() { return active_; }

  std::uint64_t start(const Call& call) {
    MpiMessage message{++tickets_, 0, call, take_header(), MpiRequests(communicator_), false};
    std::byte* header = message.header.data();
    const int peer = message.peer();
    if (message.is_send()) {
      message.number = sent_[static_cast<std::size_t>(peer)]++;
      const std::uint64_t word = call.fingerprint.packed();
      std::memcpy(header, &word, sizeof word);
      const bool rides = call.piece <= inline_bytes;
      if (rides && call.piece > 0) std::memcpy(header + sizeof word, call.input, call.piece);
      message.requests.send(header, sizeof word + (rides ? call.piece : 0), peer, message_tag);
      for (std::size_t at = 0; !rides && at < call.piece; at += chunk) {
        message.requests.send(call.input + at, std::min(chunk, call.piece - at), peer, message_body_tag);
      }
    } else {
      message.number = received_[static_cast<std::size_t>(peer)]++;
      message.requests.receive(header, header_bytes, peer, message_tag);
    }
    active_.push_back(std::move(message));
    return tickets_;
  }

  /// Does what can be done; returns whether anything moved. `mismatch(message, sent)` must throw.
  template <class Mismatch>
  bool advance(Mismatch mismatch) {
    bool moved = false;
    for (std::size_t i = 0; i < active_.size();) {
      MpiMessage& message = active_[i];
      if (!is_next(i) || !message.requests.test() || !proceed(message, mismatch)) {
        ++i;
        continue;
      }
      moved = true;
      spare_.push_back(std::move(message.header));
      active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return moved;
  }

 private:
  static constexpr std::size_t inline_bytes = 2040;
  static constexpr std::size_t header_bytes = 2048;
  static constexpr std::size_t chunk = std::size_t{64} << 20;

  /// Bodies are received in the order of their headers.
  bool is_next(std::size_t index) const {
    const MpiMessage& message = active_[index];
    if (message.is_send() || message.body) return true;
    for (std::size_t i = 0; i < index; ++i) {
      if (!active_[i].is_send() && !active_[i].body && active_[i].peer() == message.peer()) return false;
    }
    return true;
  }

  /// All requests so far are complete; returns whether the message is.
  template <class Mismatch>
  bool proceed(MpiMessage& message, Mismatch& mismatch) {
    if (message.is_send() || message.body) return true;
    std::uint64_t word = 0;
    std::memcpy(&word, message.header.data(), sizeof word);
    const Fingerprint sent = Fingerprint::unpack(word);
    const Call& call = message.call;
    if (sent.dtype != call.fingerprint.dtype || sent.count != call.fingerprint.count) mismatch(message, sent);
    message.body = true;
    if (call.piece <= inline_bytes) {
      if (call.piece > 0) std::memcpy(call.output, message.header.data() + sizeof word, call.piece);
      return true;
    }
    for (std::size_t at = 0; at < call.piece; at += chunk) {
      message.requests.receive(call.output + at, std::min(chunk, call.piece - at), message.peer(), message_body_tag);
    }
    return message.requests.test();
  }

  AlignedMemory take_header() {
    if (spare_.empty()) return AlignedMemory(header_bytes);
    AlignedMemory header = std::move(spare_.back());
    spare_.pop_back();
    return header;
  }

  MPI_Comm communicator_;
  std::uint64_t tickets_ = 0;
  std::vector<MpiMessage> active_;
  std::vector<AlignedMemory> spare_;
  std::vector<std::uint64_t> sent_, received_;  // by peer
};

}  // namespace lockstep::detail
