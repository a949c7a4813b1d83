// A connected stream of bytes between two ranks that have proved themselves, plain or encrypted, without waiting.
#pragma once

#include <lockstep/comm/tcp/tls.hpp>
#include <lockstep/core/file.hpp>
#include <lockstep/core/on_demand.hpp>

#include <climits>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::detail {

// What read_some and write_some return besides a positive number of bytes.
inline constexpr std::ptrdiff_t stream_would_block = 0;
inline constexpr std::ptrdiff_t stream_closed = -1;  ///< The other side has ended its half, or its process.
inline constexpr std::ptrdiff_t stream_failed = -2;  ///< The connection broke; fault() says how.

/// One connection. Not for two threads at a time. Reads and writes never wait: on `stream_would_block`, wait with poll
/// or epoll until the socket is readable (after a read) or writable (after a write) - `wanted()` tells which - and call
/// again. Encrypted streams hold bytes that poll does not know of: read until `stream_would_block` before sleeping.
/// After a write that took fewer bytes than it was offered, the next one offers the rest, and no less of it (at other
/// addresses and in other parts, if you like).
class SecureStream {
 public:
  static constexpr std::size_t largest_record = 16384;  // of TLS

  SecureStream() = default;
  explicit SecureStream(FileDescriptor socket) : socket_(std::move(socket)) {}

  /// Makes the stream encrypted: call `secure` until it is done before anything is read or written.
  LOCKSTEP_ON_DEMAND SecureStream(FileDescriptor socket, const TlsContext& context, bool is_client, const Digest& key)
      : socket_(std::move(socket)), tls_(context, socket_.get(), is_client, key) {}

  explicit operator bool() const { return static_cast<bool>(socket_); }
  int descriptor() const { return socket_.get(); }
  bool encrypted() const { return static_cast<bool>(tls_); }

  /// Moves the TLS handshake on: positive when done, else as read_some.
  LOCKSTEP_ON_DEMAND std::ptrdiff_t secure() { return tls_ ? outcome(tls_.handshake(), 1, POLLIN) : 1; }

  /// Receives up to `to.size()` bytes; `to` must not be empty.
  std::ptrdiff_t read_some(std::span<std::byte> to) {
    if (tls_) return read_encrypted(to);
    const ssize_t count = ::recv(socket_.get(), to.data(), to.size(), 0);
    if (count > 0) return count;
    return count == 0 ? stream_closed : failure(POLLIN);
  }

  /// Sends as many of the bytes as fit now.
  std::ptrdiff_t write_some(std::span<const std::byte> from) {
    const iovec part{const_cast<std::byte*>(from.data()), from.size()};
    return write_some({&part, 1});
  }

  /// Sends as many of the bytes of all parts, in their order, as fit now.
  std::ptrdiff_t write_some(std::span<const iovec> parts) {
    if (tls_) return write_encrypted(parts);
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts.data());
    message.msg_iovlen = std::min<std::size_t>(parts.size(), IOV_MAX);
    const ssize_t count = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    return count >= 0 ? count : failure(POLLOUT);
  }

  /// What to poll for after a call that would block: POLLIN or POLLOUT. (TLS may have to write in order to read.)
  short wanted() const { return wanted_; }

  /// Whether received bytes wait in here, which poll does not know of.
  bool has_buffered() const { return tls_ && tls_.has_buffered(); }

  /// Ends this side's half: the other side reads everything sent so far and then `stream_closed`.
  LOCKSTEP_ON_DEMAND void finish_writing() {
    if (tls_) tls_.say_goodbye();
    ::shutdown(socket_.get(), SHUT_WR);
  }

  /// Ends both halves at once, from any thread: calls that wait for the socket elsewhere wake up.
  void shut_down() { ::shutdown(socket_.get(), SHUT_RDWR); }

  LOCKSTEP_ON_DEMAND void close() {
    tls_.reset();
    socket_.close();
  }

  /// Why the last call failed.
  LOCKSTEP_ON_DEMAND std::string fault() const {
    if (error_ == EPROTO && tls_) return "what came was not encrypted with the key of this connection";
    return std::strerror(error_);
  }

 private:
  std::ptrdiff_t failure(short wanted) {
    if (errno == EAGAIN || errno == EINTR) {
      wanted_ = wanted;
      return stream_would_block;
    }
    error_ = errno;
    return errno == EPIPE ? stream_closed : stream_failed;
  }

  LOCKSTEP_ON_DEMAND std::ptrdiff_t read_encrypted(std::span<std::byte> to) {
    std::size_t count = 0;
    const TlsStatus status = tls_.read(to, count);
    return outcome(status, static_cast<std::ptrdiff_t>(count), POLLIN);
  }

  LOCKSTEP_ON_DEMAND std::ptrdiff_t write_encrypted(std::span<const iovec> parts) {
    std::size_t offered = 0, total = 0;
    for (const iovec& part : parts) offered += part.iov_len;
    while (total < offered) {
      // A record that did not go out in one piece is encrypted already: the same bytes must be offered for it again.
      const std::size_t size = pending_record_ > 0 ? pending_record_ : std::min(offered - total, largest_record);
      if (size > offered - total) {
        error_ = EINVAL;
        return stream_failed;
      }
      std::size_t count = 0;
      const TlsStatus status = tls_.write(contiguous(parts, total, size), count);
      if (status != TlsStatus::done) {
        pending_record_ = size;
        const std::ptrdiff_t result = outcome(status, 0, POLLOUT);
        return total > 0 ? static_cast<std::ptrdiff_t>(total) : result;  // what is wrong comes again at the next call
      }
      pending_record_ = 0;
      total += count;
    }
    return static_cast<std::ptrdiff_t>(total);
  }

  /// `size` bytes from `offset` on, where they are if they lie together, else copied: a small header and the bytes
  /// behind it go out as one record.
  LOCKSTEP_ON_DEMAND std::span<const std::byte> contiguous(std::span<const iovec> parts, std::size_t offset,
                                                           std::size_t size) {
    while (offset >= parts.front().iov_len) {
      offset -= parts.front().iov_len;
      parts = parts.subspan(1);
    }
    const auto* first = static_cast<const std::byte*>(parts.front().iov_base) + offset;
    if (parts.front().iov_len - offset >= size) return {first, size};
    staging_.resize(largest_record);
    for (std::size_t filled = 0; filled < size; parts = parts.subspan(1), offset = 0) {
      const std::size_t count = std::min(parts.front().iov_len - offset, size - filled);
      if (count > 0) {
        std::memcpy(staging_.data() + filled, static_cast<const std::byte*>(parts.front().iov_base) + offset, count);
      }
      filled += count;
    }
    return std::span<const std::byte>(staging_).first(size);
  }

  LOCKSTEP_ON_DEMAND std::ptrdiff_t outcome(TlsStatus status, std::ptrdiff_t count, short wanted) {
    switch (status) {
      case TlsStatus::done:
        return count;
      case TlsStatus::wants_read:
        wanted_ = POLLIN;
        return stream_would_block;
      case TlsStatus::wants_write:
        wanted_ = POLLOUT;
        return stream_would_block;
      case TlsStatus::closed:
        return stream_closed;
      case TlsStatus::failed:
        error_ = errno;
        return errno == EPIPE ? stream_closed : stream_failed;
    }
    wanted_ = wanted;
    return stream_failed;
  }

  FileDescriptor socket_;
  TlsSession tls_;                  // after socket_: it goes first
  std::vector<std::byte> staging_;  // of encrypted streams
  std::size_t pending_record_ = 0;
  short wanted_ = 0;
  int error_ = 0;
};

}  // namespace lockstep::detail
