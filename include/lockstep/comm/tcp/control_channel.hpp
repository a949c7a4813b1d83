// Control frames over a stream: numbered, each with its authentication code, collected until they are whole.
#pragma once

#include <lockstep/comm/tcp/frame.hpp>
#include <lockstep/comm/tcp/handshake.hpp>
#include <lockstep/comm/tcp/secure_stream.hpp>
#include <lockstep/core/on_demand.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::detail {

/// Both directions of one control connection. Nothing here waits.
class ControlChannel {
 public:
  enum class Status {
    frame,    // a frame was received
    nothing,  // none is whole yet
    closed,   // the other side has ended; what it sent before has been received
    failed,   // the connection broke or a frame was not authentic: fault()
  };

  ControlChannel() = default;
  LOCKSTEP_ON_DEMAND ControlChannel(SecureStream stream, const SessionKeys& keys)
      : stream_(std::move(stream)), send_key_(keys.send), receive_key_(keys.receive) {}

  explicit operator bool() const { return static_cast<bool>(stream_); }
  SecureStream& stream() { return stream_; }
  int descriptor() const { return stream_.descriptor(); }

  /// Takes a frame for sending; it leaves with flush().
  LOCKSTEP_ON_DEMAND void send(const ControlFrame& frame) {
    const auto bytes = encode(frame, send_key_, sent_++);
    if (begin_ > 0) {
      outgoing_.erase(outgoing_.begin(), outgoing_.begin() + static_cast<std::ptrdiff_t>(begin_));
      begin_ = 0;
    }
    outgoing_.insert(outgoing_.end(), bytes.begin(), bytes.end());
  }

  /// Bytes that wait to be sent: while there are any, poll for POLLOUT and flush; and send no heartbeat behind them.
  std::size_t unsent() const { return outgoing_.size() - begin_; }

  /// Sends what fits now; false when the connection is gone.
  LOCKSTEP_ON_DEMAND bool flush() {
    while (unsent() > 0) {
      const std::ptrdiff_t count = stream_.write_some(std::span<const std::byte>(outgoing_).subspan(begin_));
      if (count == stream_would_block) return true;
      if (count < 0) return false;
      begin_ += static_cast<std::size_t>(count);
    }
    outgoing_.clear();
    begin_ = 0;
    return true;
  }

  /// Receives the next frame. Call until it says `nothing` before sleeping.
  LOCKSTEP_ON_DEMAND Status receive(ControlFrame& frame) {
    while (filled_ < incoming_.size()) {
      const std::ptrdiff_t count = stream_.read_some(std::span(incoming_).subspan(filled_));
      if (count == stream_would_block) return Status::nothing;
      if (count == stream_closed && filled_ == 0) return Status::closed;
      if (count == stream_closed) return fail("the connection ended within a control frame");
      if (count < 0) return fail(stream_.fault());
      filled_ += static_cast<std::size_t>(count);
    }
    filled_ = 0;
    Parsed<ControlFrame> parsed = open_control_frame(incoming_, receive_key_, received_++);
    if (!parsed) return fail(parsed.error);
    frame = std::move(parsed.value);
    return Status::frame;
  }

  const std::string& fault() const { return fault_; }

 private:
  LOCKSTEP_ON_DEMAND Status fail(std::string fault) {
    fault_ = std::move(fault);
    return Status::failed;
  }

  SecureStream stream_;
  Digest send_key_{}, receive_key_{};
  std::uint64_t sent_ = 0, received_ = 0;
  std::vector<std::byte> outgoing_;
  std::size_t begin_ = 0;
  std::array<std::byte, ControlFrame::bytes> incoming_{};
  std::size_t filled_ = 0;
  std::string fault_;
};

}  // namespace lockstep::detail
