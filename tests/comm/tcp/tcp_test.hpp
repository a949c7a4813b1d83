// What the tests of TCP share: errors as texts, free ports, options that fit a test, connected pairs of sockets.
#pragma once

#include <lockstep/comm/tcp/tcp_options.hpp>
#include <lockstep/comm/tcp/tcp_socket.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/file.hpp>
#include <lockstep/core/thread.hpp>

#include <doctest/doctest.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lockstep::testing {

/// The text of the error that a function throws.
template <class Expected, class Function>
std::string error_text(Function&& function) {
  try {
    function();
  } catch (const Expected& error) {
    return error.what();
  }
  FAIL("nothing was thrown");
  return {};
}

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// A port of the loopback interface that nobody listens at.
inline int free_port() {
  const auto any = *detail::numeric_address("127.0.0.1", 0);
  const FileDescriptor socket = detail::make_tcp_socket(any.family());
  if (::bind(socket.get(), any.get(), any.length) != 0) throw EnvironmentError("no free port");
  return detail::local_address(socket.get()).port();
}

inline JobSecret secret(int number = 1) {
  JobSecret result;
  result.fill(static_cast<std::byte>(number));
  return result;
}

inline TcpOptions tcp_options(int rank, int size, int port) {
  TcpOptions options;
  options.rank = rank;
  options.size = size;
  options.job_id = "test job";
  options.master_port = port;
  options.secret = secret();
  options.sockets_per_peer = 1;
  options.connect_deadline = std::chrono::seconds(20);
  return options;
}

/// A path that nothing has, in the folder for temporary files; removed at the end.
struct TemporaryPath {
  explicit TemporaryPath(std::string_view name) {
    const char* folder = std::getenv("TMPDIR");
    static std::atomic<int> count{0};
    text = concat(folder == nullptr ? "/tmp" : folder, "/lockstep-", name, "-", static_cast<long>(::getpid()), "-",
                  ++count);
  }
  TemporaryPath(const TemporaryPath&) = delete;
  TemporaryPath& operator=(const TemporaryPath&) = delete;
  ~TemporaryPath() { ::unlink(text.c_str()); }

  std::string text;
};

/// Two ends of a stream, both non-blocking.
inline std::pair<FileDescriptor, FileDescriptor> socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    throw EnvironmentError("socketpair");
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

/// A blocking connection to a port of the loopback interface, as a stranger makes it.
inline FileDescriptor connect_as_stranger(int port) {
  const auto address = *detail::numeric_address("127.0.0.1", port);
  FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), address.get(), address.length) != 0) return {};
  return socket;
}

/// Everything that comes until the connection ends or the limit passes.
inline std::string read_until_end(const FileDescriptor& socket, std::chrono::seconds limit, bool* ended = nullptr) {
  const Deadline deadline = Deadline::after(limit);
  std::string text;
  char buffer[4096];
  if (ended != nullptr) *ended = false;
  for (;;) {
    pollfd descriptor{socket.get(), POLLIN, 0};
    if (!detail::wait_for_any({&descriptor, 1}, deadline)) return text;
    const ssize_t count = ::recv(socket.get(), buffer, sizeof buffer, 0);
    if (count <= 0) {
      if (ended != nullptr) *ended = true;
      return text;
    }
    text.append(buffer, static_cast<std::size_t>(count));
  }
}

/// Runs `function(rank)` on a thread for every rank; what each returned, or "ERROR: " and what it threw.
template <class Function>
std::vector<std::string> on_threads(int size, Function function) {
  std::vector<std::string> results(static_cast<std::size_t>(size));
  std::vector<Thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([rank, &function, &result = results[static_cast<std::size_t>(rank)]] {
      try {
        result = function(rank);
      } catch (const std::exception& error) {
        result = concat("ERROR: ", error.what());
      }
    });
  }
  threads.clear();
  return results;
}

}  // namespace lockstep::testing
