// The way of messages from one rank to another: a ring of cache lines in the control memory, with one writer and one
// reader. A message is a line that says what was sent, and the bytes themselves unless the reader can reach them.
#pragma once

#include <lockstep/comm/host/control_page.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

namespace lockstep::detail {

inline constexpr std::size_t line_bytes = 64;

/// Messages up to this length are in the channel when `send` returns.
inline constexpr std::size_t eager_bytes = 4096;

constexpr std::size_t whole_lines(std::size_t bytes) { return (bytes + line_bytes - 1) / line_bytes * line_bytes; }

/// The head of a message.
struct alignas(line_bytes) MessageHead {
  std::uint64_t fingerprint;
  Location location;  ///< `staged`: the bytes follow in the channel.
};
static_assert(sizeof(MessageHead) == line_bytes);

/// How far the two ranks are; in the first lines of a channel's memory. All zero at first.
struct ChannelControl {
  struct alignas(line_bytes) {
    std::atomic<std::uint64_t> written{0};  ///< Bytes put into the ring, ever.
  } sender;
  struct alignas(line_bytes) {
    std::atomic<std::uint64_t> read{0};    ///< Bytes taken out of the ring, ever.
    std::atomic<std::uint64_t> copied{0};  ///< Messages copied straight from the sender's memory.
  } receiver;
};

/// One end's view of a channel. Only the sender calls what writes, only the receiver what reads.
class Channel {
 public:
  Channel() = default;
  Channel(std::byte* memory, std::size_t bytes)
      : control_(std::launder(reinterpret_cast<ChannelControl*>(memory))),
        ring_(memory + sizeof(ChannelControl)),
        capacity_(bytes - sizeof(ChannelControl)) {}

  /// Begins the life of the control lines.
  static void construct(std::byte* memory) { ::new (memory) ChannelControl; }

  bool is_open() const { return control_ != nullptr; }
  ChannelControl& control() const { return *control_; }

  std::size_t room() const { return capacity_ - static_cast<std::size_t>(written_ - control_->receiver.read.load()); }
  std::size_t available() const { return static_cast<std::size_t>(control_->sender.written.load() - read_); }

  /// The most that is moved at a time, so that both ends work at once.
  std::size_t chunk() const { return capacity_ / 4 / line_bytes * line_bytes; }

  /// Puts bytes into the ring; whole lines are used up. The reader sees them when `written()` is published.
  void write(const void* from, std::size_t bytes) {
    const std::size_t place = static_cast<std::size_t>(written_ % capacity_);
    const std::size_t first = std::min(bytes, capacity_ - place);
    if (first > 0) std::memcpy(ring_ + place, from, first);
    if (bytes > first) std::memcpy(ring_, static_cast<const std::byte*>(from) + first, bytes - first);
    written_ += whole_lines(bytes);
  }

  void read(void* to, std::size_t bytes) {
    const std::size_t place = static_cast<std::size_t>(read_ % capacity_);
    const std::size_t first = std::min(bytes, capacity_ - place);
    if (first > 0) std::memcpy(to, ring_ + place, first);
    if (bytes > first) std::memcpy(static_cast<std::byte*>(to) + first, ring_, bytes - first);
    read_ += whole_lines(bytes);
  }

  std::uint64_t written() const { return written_; }
  std::uint64_t read() const { return read_; }

 private:
  ChannelControl* control_ = nullptr;
  std::byte* ring_ = nullptr;
  std::size_t capacity_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t read_ = 0;
};

}  // namespace lockstep::detail
