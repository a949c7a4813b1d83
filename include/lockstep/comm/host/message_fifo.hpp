// The messages to or from one peer that are not done, in order, and the tickets by which callers ask for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lockstep::detail {

/// Tickets of messages have their highest bit set; those of collectives do not. Then: 1 bit for sends, 12 of peer, 48
/// of number.
inline constexpr std::uint64_t message_bit = std::uint64_t{1} << 63;

constexpr bool is_message(std::uint64_t ticket) { return (ticket & message_bit) != 0; }
constexpr bool is_send(std::uint64_t ticket) { return (ticket >> 62 & 1) != 0; }
constexpr int peer_of(std::uint64_t ticket) { return static_cast<int>(ticket >> 48 & 4095); }
constexpr std::uint64_t number_of(std::uint64_t ticket) { return ticket & ((std::uint64_t{1} << 48) - 1); }
constexpr std::uint64_t message_ticket(bool send, int peer, std::uint64_t number) {
  return message_bit | std::uint64_t{send} << 62 | static_cast<std::uint64_t>(peer) << 48 | number;
}

/// How a message travels.
enum class MessagePath : std::uint8_t {
  eager,   ///< Through the channel, as a whole.
  direct,  ///< The receiver copies it straight from the sender's memory.
  piped,   ///< Through the channel, chunk by chunk.
};

struct Message {
  std::uint64_t fingerprint = 0;
  std::byte* buffer = nullptr;
  std::size_t bytes = 0;
  std::uint64_t record = 0;  ///< The place in the flight record.
  std::size_t moved = 0;     ///< Bytes that have passed.
  MessagePath path = MessagePath::eager;
  bool under_way = false;    ///< The head has been written, or read.
  bool done = false;         ///< The buffer is the caller's again.
  std::uint64_t direct = 0;  ///< For direct sends: how many there were before on this channel.
};

/// Messages are numbered from 0; those at the front leave when they are done.
class MessageFifo {
 public:
  std::uint64_t first() const { return first_; }  ///< Number of the oldest message that is kept.
  std::uint64_t end() const { return end_; }      ///< Number of the next message.
  bool empty() const { return first_ == end_; }

  Message& operator[](std::uint64_t number) { return messages_[number % messages_.size()]; }
  const Message& operator[](std::uint64_t number) const { return messages_[number % messages_.size()]; }

  bool is_done(std::uint64_t number) const { return number < first_ || (*this)[number].done; }

  std::uint64_t push(const Message& message) {
    if (end_ - first_ == messages_.size()) grow();
    (*this)[end_] = message;
    return end_++;
  }

  void drop_done() {
    while (first_ < end_ && (*this)[first_].done) ++first_;
  }

 private:
  void grow() {
    std::vector<Message> larger(messages_.empty() ? 4 : 2 * messages_.size());
    for (std::uint64_t number = first_; number < end_; ++number) larger[number % larger.size()] = (*this)[number];
    messages_.swap(larger);
  }

  std::vector<Message> messages_;
  std::uint64_t first_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace lockstep::detail
