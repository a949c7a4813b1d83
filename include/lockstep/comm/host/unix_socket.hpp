// Unix sockets of whole messages (SOCK_SEQPACKET) that carry file descriptors. Names are abstract: they live in no
// directory and vanish with their process. Every call has a deadline.
#pragma once

#include <lockstep/core/chrono.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/file.hpp>
#include <lockstep/core/on_demand.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace lockstep::detail {

LOCKSTEP_ON_DEMAND CommunicationError socket_error(std::string_view action, int code = errno) {
  return CommunicationError(concat("unix socket: cannot ", action, ": ", std::strerror(code)));
}

struct AbstractAddress {
  LOCKSTEP_ON_DEMAND explicit AbstractAddress(std::string_view name) {
    if (name.empty() || name.size() > sizeof address.sun_path - 1) {
      throw ArgumentError(concat("unix socket: a name must have 1 to ", sizeof address.sun_path - 1,
                                 " characters, got ", name.size(), " in '", name, "'"));
    }
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }

  sockaddr_un address{};
  socklen_t length = 0;
};

LOCKSTEP_ON_DEMAND FileDescriptor make_socket() {
  FileDescriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) throw socket_error("make a socket");
  return socket;
}

/// Listens under a name; an empty result when the name is taken.
LOCKSTEP_ON_DEMAND FileDescriptor listen_at(std::string_view name) {
  const AbstractAddress address(name);
  FileDescriptor socket = make_socket();
  if (::bind(socket.get(), address.get(), address.length) != 0) {
    if (errno == EADDRINUSE) return {};
    throw socket_error(concat("take the name '", name, "'"));
  }
  if (::listen(socket.get(), SOMAXCONN) != 0) throw socket_error("listen");
  return socket;
}

/// Connects to a name; an empty result when nobody listens there yet.
LOCKSTEP_ON_DEMAND FileDescriptor connect_to(std::string_view name) {
  const AbstractAddress address(name);
  FileDescriptor socket = make_socket();
  while (::connect(socket.get(), address.get(), address.length) != 0) {
    if (errno == EINTR) continue;
    if (errno == ECONNREFUSED || errno == ENOENT || errno == EAGAIN) return {};
    throw socket_error(concat("connect to '", name, "'"));
  }
  return socket;
}

/// Sleeps until one of the descriptors has something to tell; false when the deadline passes first.
inline bool poll_until(std::span<pollfd> descriptors, const Deadline& deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.left());
    const int ready =
        ::poll(descriptors.data(), descriptors.size(), static_cast<int>(std::min<long long>(left.count(), 1'000'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) throw socket_error("wait");
    if (deadline.passed()) return false;
  }
}

inline bool wait_until_readable(const FileDescriptor& socket, const Deadline& deadline) {
  pollfd descriptor{socket.get(), POLLIN, 0};
  return poll_until({&descriptor, 1}, deadline);
}

/// Takes the next connection, if one is there.
LOCKSTEP_ON_DEMAND FileDescriptor accept_connection(const FileDescriptor& listener) {
  return FileDescriptor(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

/// The user at the other end, as the kernel knows it.
inline uid_t peer_user(const FileDescriptor& socket) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    throw socket_error("learn the peer's user");
  }
  return credentials.uid;
}

inline constexpr std::size_t max_passed_descriptors = 253;  // the kernel's SCM_MAX_FD

/// Sends a message and duplicates of descriptors. False when the peer is gone or does not read before the deadline.
template <class Message>
bool send_message(const FileDescriptor& socket, const Message& message, std::span<const int> descriptors,
                  const Deadline& deadline) {
  static_assert(std::is_trivially_copyable_v<Message>);
  iovec part{const_cast<Message*>(&message), sizeof message};
  std::vector<std::byte> control(CMSG_SPACE(descriptors.size_bytes()));
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* entry = CMSG_FIRSTHDR(&header);
    entry->cmsg_level = SOL_SOCKET;
    entry->cmsg_type = SCM_RIGHTS;
    entry->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(entry), descriptors.data(), descriptors.size_bytes());
  }
  for (;;) {
    if (::sendmsg(socket.get(), &header, MSG_NOSIGNAL) >= 0) return true;
    if (errno == EINTR) continue;
    if (errno == EPIPE || errno == ECONNRESET) return false;
    if (errno != EAGAIN) throw socket_error("send");
    pollfd descriptor{socket.get(), POLLOUT, 0};
    if (!poll_until({&descriptor, 1}, deadline)) return false;
  }
}

/// Receives a message of exactly this type and the descriptors that came with it. False when the peer is gone, the
/// deadline passes, or the message has another size.
template <class Message>
bool receive_message(const FileDescriptor& socket, Message& message, std::vector<FileDescriptor>& descriptors,
                     const Deadline& deadline) {
  static_assert(std::is_trivially_copyable_v<Message>);
  alignas(cmsghdr) std::byte control[CMSG_SPACE(max_passed_descriptors * sizeof(int))];
  for (;;) {
    iovec part{&message, sizeof message};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    const ssize_t received = ::recvmsg(socket.get(), &header, MSG_CMSG_CLOEXEC);
    if (received >= 0) {
      for (cmsghdr* entry = CMSG_FIRSTHDR(&header); entry != nullptr; entry = CMSG_NXTHDR(&header, entry)) {
        if (entry->cmsg_level != SOL_SOCKET || entry->cmsg_type != SCM_RIGHTS) continue;
        for (std::size_t offset = 0; CMSG_LEN(offset) < entry->cmsg_len; offset += sizeof(int)) {
          int handle = -1;
          std::memcpy(&handle, CMSG_DATA(entry) + offset, sizeof handle);
          descriptors.emplace_back(handle);
        }
      }
      return received == static_cast<ssize_t>(sizeof message) && (header.msg_flags & MSG_TRUNC) == 0;
    }
    if (errno == EINTR) continue;
    if (errno == ECONNRESET) return false;
    if (errno != EAGAIN) throw socket_error("receive");
    if (!wait_until_readable(socket, deadline)) return false;
  }
}

}  // namespace lockstep::detail
