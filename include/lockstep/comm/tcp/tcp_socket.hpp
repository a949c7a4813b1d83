// Non-blocking TCP sockets: listening on one interface, beginning a connection, waiting with a deadline.
#pragma once

#include <lockstep/comm/tcp/socket_address.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/file.hpp>
#include <lockstep/core/on_demand.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>

namespace lockstep::detail {

/// What every connection of a job is set to.
struct SocketSettings {
  std::chrono::nanoseconds user_timeout{};  ///< Longest time that sent bytes may stay unacknowledged; 0: the system's.
  int buffer_bytes = 0;                     ///< Of the kernel, each way; 0: the system's, which grow by themselves.
};

inline void set_option(const FileDescriptor& socket, int level, int name, int value) {
  ::setsockopt(socket.get(), level, name, &value, sizeof value);  // an unknown option costs speed, not correctness
}

inline void apply(const FileDescriptor& socket, const SocketSettings& settings) {
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  if (settings.user_timeout.count() > 0) {
    const auto time = std::chrono::ceil<std::chrono::milliseconds>(settings.user_timeout).count();
    set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(std::min<long long>(time, 1'000'000'000)));
  }
}

/// Buffers must be set before a connection is made, or its window stays small.
inline void apply_buffers(const FileDescriptor& socket, const SocketSettings& settings) {
  if (settings.buffer_bytes <= 0) return;
  set_option(socket, SOL_SOCKET, SO_SNDBUF, settings.buffer_bytes);
  set_option(socket, SOL_SOCKET, SO_RCVBUF, settings.buffer_bytes);
}

inline void sleep_for(std::chrono::nanoseconds duration) {
  const timespec time{static_cast<time_t>(duration.count() / 1'000'000'000),
                      static_cast<long>(duration.count() % 1'000'000'000)};
  ::nanosleep(&time, nullptr);
}

/// Sleeps until one of the descriptors has something to tell; false when the deadline passes first.
LOCKSTEP_ON_DEMAND bool wait_for_any(std::span<pollfd> descriptors, const Deadline& deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.left());
    const int ready =
        ::poll(descriptors.data(), descriptors.size(), static_cast<int>(std::min<long long>(left.count(), 1'000'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) {
      throw CommunicationError(concat("tcp: cannot wait for sockets: ", std::strerror(errno)));
    }
    if (deadline.passed()) return false;
  }
}

LOCKSTEP_ON_DEMAND FileDescriptor make_tcp_socket(int family) {
  FileDescriptor socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) {
    const char* advice = errno == EMFILE || errno == ENFILE ? "; raise the limit of open files (ulimit -n)" : "";
    throw EnvironmentError(concat("tcp: cannot make a socket: ", std::strerror(errno), advice));
  }
  return socket;
}

/// Listens at one address of this host. A port that is still held is tried until `patience` ends (the program that held
/// it may be about to end); port 0 takes any free one. Throws CommunicationError.
LOCKSTEP_ON_DEMAND FileDescriptor listen_on(const SocketAddress& address, const SocketSettings& settings,
                                            const Deadline& patience) {
  if (address.is_any()) {
    throw ArgumentError(
        concat("tcp: ", address.host(), " means every interface of this host; name the one address to listen at"));
  }
  for (;;) {
    FileDescriptor socket = make_tcp_socket(address.family());
    set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1);  // an ended run's connections do not hold the port
    apply_buffers(socket, settings);
    if (::bind(socket.get(), address.get(), address.length) == 0 && ::listen(socket.get(), SOMAXCONN) == 0) {
      return socket;
    }
    const int code = errno;
    if (code == EADDRINUSE && !patience.passed()) {
      sleep_for(std::chrono::milliseconds(20));
      continue;
    }
    const char* advice = code == EADDRINUSE      ? "; another program or job holds this port: give this job another "
                                                   "master_port, or end the other one (two rank 0?)"
                         : code == EADDRNOTAVAIL ? "; the address belongs to no interface of this host: start rank 0 "
                                                   "on the host that has it, or set bind_address"
                         : code == EACCES        ? "; ports below 1024 are reserved: take a higher one"
                                                 : "";
    throw CommunicationError(concat("tcp: cannot listen at ", to_string(address), ": ", std::strerror(code), advice));
  }
}

/// Where a socket is bound.
LOCKSTEP_ON_DEMAND SocketAddress local_address(int socket) {
  SocketAddress address;
  address.length = sizeof address.storage;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0) {
    throw CommunicationError(concat("tcp: cannot learn the address of a socket: ", std::strerror(errno)));
  }
  return address;
}

/// A connection on its way: it stands when the socket becomes writable and `connect_status` is 0.
LOCKSTEP_ON_DEMAND FileDescriptor begin_connect(const SocketAddress& address, const SocketSettings& settings,
                                                int& status) {
  FileDescriptor socket = make_tcp_socket(address.family());
  apply_buffers(socket, settings);
  apply(socket, settings);
  status = ::connect(socket.get(), address.get(), address.length) == 0 ? 0 : errno;
  if (status == EINTR) status = EINPROGRESS;
  return socket;
}

/// The result of a connection attempt, as an errno; a socket connected to itself counts as refused.
inline int connect_status(const FileDescriptor& socket) {
  int status = 0;
  socklen_t length = sizeof status;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &status, &length) != 0) return errno;
  if (status != 0) return status;
  // A port of this host that nobody listens at can be the very one that the kernel gave to the connecting socket.
  sockaddr_storage own{}, peer{};
  socklen_t own_length = sizeof own, peer_length = sizeof peer;
  if (::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&peer), &peer_length) != 0) return errno;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&own), &own_length) != 0) return errno;
  return own_length == peer_length && std::memcmp(&own, &peer, own_length) == 0 ? ECONNREFUSED : 0;
}

/// Takes the next connection, if one is there; `errno` tells why not.
LOCKSTEP_ON_DEMAND FileDescriptor accept_from(const FileDescriptor& listener, const SocketSettings& settings) {
  FileDescriptor socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (socket) apply(socket, settings);
  return socket;
}

}  // namespace lockstep::detail
