// One data or message connection as an engine uses it: at most one message on its way out and one expected, each with a
// header, both moved on whenever the socket allows. Nothing here waits.
#pragma once

#include <lockstep/comm/tcp/frame.hpp>
#include <lockstep/comm/tcp/secure_stream.hpp>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

namespace lockstep::detail {

/// What moving a connection on came to.
enum class Flow : std::uint8_t {
  idle,       ///< Nothing could be moved.
  moved,      ///< Some bytes were moved; there may be more.
  mismatch,   ///< The header that came is not the expected one: received().
  malformed,  ///< What came is no header: fault().
  closed,     ///< The other side has ended the connection.
  broken,     ///< The connection failed: fault().
};

constexpr bool is_trouble(Flow flow) { return flow > Flow::moved; }

/// Where the payload of an expected message goes, window by window.
template <class S>
concept PayloadSink = requires(S& sink, std::size_t offset, std::size_t bytes) {
  { sink.window(offset) } -> std::same_as<std::span<std::byte>>;
  { sink.filled(offset, bytes) } -> std::same_as<void>;
};

/// A sink whose payload goes to one place.
struct PlaceSink {
  std::byte* place = nullptr;
  std::size_t length = 0;
  std::span<std::byte> window(std::size_t offset) const {
    return {place + offset, std::min(length - offset, std::size_t{256} * 1024)};
  }
  void filled(std::size_t, std::size_t) const {}
};

class Connection {
 public:
  static constexpr std::size_t burst = 256 * 1024;  // bytes of one system call: what stays in a second-level cache

  explicit Connection(SecureStream& stream) : stream_(&stream) {}

  int descriptor() const { return stream_->descriptor(); }

  /// What epoll reported. Sockets are read and written until they say that they would block; then epoll tells.
  void report(std::uint32_t events) {
    constexpr std::uint32_t end = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    if ((events & (EPOLLIN | end)) != 0) readable_ = true;
    if ((events & (EPOLLOUT | end)) != 0) writable_ = true;
    if (stream_->encrypted()) readable_ = writable_ = true;  // either may be what TLS waits for
  }
  /// Tries the socket again without having been told to.
  void look_again() { readable_ = true; }

  /// Begins a message.
  void send(const DataHeader& header, const std::byte* payload) {
    header_out_ = encode(header);
    payload_out_ = payload;
    length_out_ = DataHeader::bytes + static_cast<std::size_t>(header.length);
    sent_ = 0;
  }
  bool sending() const { return sent_ < length_out_; }

  /// Says which message comes next. What comes before that stays in the kernel.
  void expect(const DataHeader& header) {
    expected_ = header;
    length_in_ = DataHeader::bytes + static_cast<std::size_t>(header.length);
    received_ = 0;
    verified_ = false;
  }
  bool receiving() const { return received_ < length_in_; }
  std::size_t payload_received() const { return received_ > DataHeader::bytes ? received_ - DataHeader::bytes : 0; }

  const DataHeader& expected() const { return expected_; }
  const DataHeader& received() const { return header_; }
  const std::string& fault() const { return fault_; }

  /// Sends up to one burst.
  Flow advance_sending() {
    if (!writable_ || !sending()) return Flow::idle;
    std::array<iovec, 2> parts;
    std::size_t count = 0;
    std::size_t from = sent_;
    if (from < DataHeader::bytes) {
      parts[count++] = {header_out_.data() + from, DataHeader::bytes - from};
      from = DataHeader::bytes;
    }
    const std::size_t payload = std::min(length_out_ - from, burst);
    if (payload > 0) {
      parts[count++] = {const_cast<std::byte*>(payload_out_) + (from - DataHeader::bytes), payload};
    }
    const std::ptrdiff_t written = stream_->write_some(std::span<const iovec>(parts.data(), count));
    if (written < 0) return trouble(written);
    sent_ += static_cast<std::size_t>(written);
    if (written == 0) {
      writable_ = false;
      return Flow::idle;
    }
    return Flow::moved;
  }

  /// Receives up to one window. Header and payload come with one system call: the payload goes to where the expected
  /// one belongs, never beyond it, and the header is compared before anything is done with it.
  template <PayloadSink Sink>
  Flow advance_receiving(Sink& sink) {
    if (!readable_ || !receiving()) return Flow::idle;
    const std::size_t at = payload_received();
    std::span<std::byte> window;
    if (received_ < length_in_ && DataHeader::bytes + at < length_in_) window = sink.window(at);
    const std::ptrdiff_t count = read(window);
    if (count < 0) return trouble(count);
    if (count == 0) {
      readable_ = false;
      return Flow::idle;
    }
    received_ += static_cast<std::size_t>(count);
    if (!verified_) {
      if (received_ < DataHeader::bytes) return Flow::moved;
      const Parsed<DataHeader> parsed = parse_data_header(header_in_);
      if (!parsed) {
        fault_ = parsed.error;
        return Flow::malformed;
      }
      header_ = parsed.value;
      if (header_ != expected_) return Flow::mismatch;
      verified_ = true;
    }
    const std::size_t filled = payload_received() - at;
    if (filled > 0) sink.filled(at, filled);
    return Flow::moved;
  }

 private:
  std::ptrdiff_t read(std::span<std::byte> window) {
    const std::size_t missing = received_ < DataHeader::bytes ? DataHeader::bytes - received_ : 0;
    if (missing == 0) return stream_->read_some(window);
    const std::span<std::byte> rest = std::span(header_in_).subspan(received_);
    if (stream_->encrypted() || window.empty()) return stream_->read_some(rest);
    std::array<iovec, 2> parts{iovec{rest.data(), rest.size()}, iovec{window.data(), window.size()}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const ssize_t count = ::recvmsg(stream_->descriptor(), &message, 0);
    if (count > 0) return count;
    if (count == 0) return stream_closed;
    if (errno == EAGAIN || errno == EINTR) return stream_would_block;
    system_error_ = errno;
    return stream_failed;
  }

  Flow trouble(std::ptrdiff_t result) {
    if (result == stream_closed) return Flow::closed;
    fault_ = system_error_ != 0 ? std::string(std::strerror(system_error_)) : stream_->fault();
    return Flow::broken;
  }

  SecureStream* stream_;
  bool readable_ = true, writable_ = true, verified_ = false;
  int system_error_ = 0;

  std::array<std::byte, DataHeader::bytes> header_out_{};
  const std::byte* payload_out_ = nullptr;
  std::size_t length_out_ = 0, sent_ = 0;  // with the header

  std::array<std::byte, DataHeader::bytes> header_in_{};
  DataHeader expected_, header_;
  std::size_t length_in_ = 0, received_ = 0;  // with the header
  std::string fault_;
};

}  // namespace lockstep::detail
