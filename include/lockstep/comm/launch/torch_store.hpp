// A client of PyTorch's TCPStore, as far as it takes to hand on a port: under torchrun the agent listens on MASTER_PORT
// itself, so rank 0 takes a port of its own choice and the others learn it here. The store knows no authentication:
// what comes from it is a hint, and only the handshake at that port tells whom one has found.
#pragma once

#include <lockstep/comm/launch/launch_variables.hpp>
#include <lockstep/comm/tcp/tcp_socket.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/file.hpp>
#include <lockstep/core/on_demand.hpp>

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lockstep {

/// A connection to a TCPStore of PyTorch 2.0 or newer. Numbers travel as the hosts keep them, so both must be
/// little-endian, as all that PyTorch supports are.
/// Source: torch/csrc/distributed/c10d/TCPStore.cpp, TCPStoreBackend.hpp, TCPStoreLibUvBackend.cpp.
class TorchStore {
 public:
  static constexpr std::size_t most_bytes = 4096;  ///< Of a key or value that is sent or accepted.

  /// Connects; a store that does not listen yet is tried until the deadline. Throws CommunicationError.
  LOCKSTEP_ON_DEMAND TorchStore(const std::string& host, int port, const Deadline& deadline)
      : name_(concat(host, ":", port)) {
    const std::vector<detail::SocketAddress> addresses = detail::resolve(host, port, deadline);
    for (int status = ECONNREFUSED; !socket_;) {
      for (const detail::SocketAddress& address : addresses) {
        if (!socket_) status = try_connect(address, deadline);
      }
      if (!socket_ && deadline.passed()) {
        throw CommunicationError(concat("torchrun's store at ", name_, ": no connection: ", std::strerror(status),
                                        "; is the agent of the first node running, and is MASTER_ADDR its host?"));
      }
      if (!socket_) detail::sleep_for(std::chrono::milliseconds(50));
    }
    std::string hello(1, static_cast<char>(Query::validate));
    append_number<std::uint32_t>(hello, 0x3C85F7CE);
    send(hello, deadline);
  }

  /// Sets a key and returns once the store has it.
  LOCKSTEP_ON_DEMAND void set(std::string_view key, std::string_view value, const Deadline& deadline) {
    std::string query(1, static_cast<char>(Query::set));
    append_text(query, key);
    append_text(query, value);
    send(query, deadline);
    if (get(key, deadline) != value) {  // SET has no answer of its own
      throw CommunicationError(concat("torchrun's store at ", name_,
                                      " holds another value than the one just set under '", key,
                                      "'; two jobs use one store, or it is no store"));
    }
  }

  /// The value of a key, once somebody has set it. Throws CommunicationError when the deadline passes before.
  LOCKSTEP_ON_DEMAND std::string get(std::string_view key, const Deadline& deadline) {
    std::string query(1, static_cast<char>(Query::wait));
    append_number<std::uint64_t>(query, 1);
    append_text(query, key);
    send(query, deadline);
    if (const auto answer = receive_number<std::uint8_t>(key, deadline); answer != 0) {
      throw CommunicationError(concat("torchrun's store at ", name_, " answered ", static_cast<int>(answer),
                                      " where 0 says that '", key, "' is there; is it a store of PyTorch 2?"));
    }
    query.assign(1, static_cast<char>(Query::get));
    append_text(query, key);
    send(query, deadline);
    const auto size = receive_number<std::uint64_t>(key, deadline);
    if (size > most_bytes) {
      throw CommunicationError(concat("torchrun's store at ", name_, " has ", size, " bytes under '", key,
                                      "', more than the ", most_bytes, " that are accepted"));
    }
    std::string value(static_cast<std::size_t>(size), '\0');
    receive(value.data(), value.size(), key, deadline);
    return value;
  }

 private:
  enum class Query : std::uint8_t { validate = 0, set = 1, get = 3, wait = 6 };

  LOCKSTEP_ON_DEMAND int try_connect(const detail::SocketAddress& address, const Deadline& deadline) {
    int status = 0;
    FileDescriptor socket = detail::begin_connect(address, {}, status);
    if (status == EINPROGRESS) {
      pollfd watched{socket.get(), POLLOUT, 0};
      status = detail::wait_for_any({&watched, 1}, deadline) ? detail::connect_status(socket) : ETIMEDOUT;
    }
    if (status == 0) socket_ = std::move(socket);
    return status;
  }

  template <class Number>
  static void append_number(std::string& query, Number number) {
    char bytes[sizeof number];
    std::memcpy(bytes, &number, sizeof number);
    query.append(bytes, sizeof number);
  }

  LOCKSTEP_ON_DEMAND static void append_text(std::string& query, std::string_view text) {
    if (text.size() > most_bytes) {
      throw ArgumentError(concat("TorchStore: a key or value of ", text.size(), " bytes, more than ", most_bytes));
    }
    append_number<std::uint64_t>(query, text.size());
    query += text;
  }

  LOCKSTEP_ON_DEMAND void send(std::string_view bytes, const Deadline& deadline) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(count));
      } else if (errno != EINTR) {
        wait_or_throw(errno, POLLOUT, "", deadline);
      }
    }
  }

  LOCKSTEP_ON_DEMAND void receive(char* bytes, std::size_t size, std::string_view key, const Deadline& deadline) {
    while (size > 0) {
      const ssize_t count = ::recv(socket_.get(), bytes, size, 0);
      if (count > 0) {
        bytes += count;
        size -= static_cast<std::size_t>(count);
      } else if (count == 0 || errno != EINTR) {
        wait_or_throw(count == 0 ? ECONNRESET : errno, POLLIN, key, deadline);
      }
    }
  }

  template <class Number>
  Number receive_number(std::string_view key, const Deadline& deadline) {
    char bytes[sizeof(Number)];
    receive(bytes, sizeof bytes, key, deadline);
    Number number{};
    std::memcpy(&number, bytes, sizeof number);
    return number;
  }

  /// After a call that failed with `code`: waits for `events` where that helps.
  LOCKSTEP_ON_DEMAND void wait_or_throw(int code, short events, std::string_view key, const Deadline& deadline) {
    if (code != EAGAIN) {
      throw CommunicationError(concat("torchrun's store at ", name_, " is gone: ", std::strerror(code),
                                      "; the agent ended, or something else listens there"));
    }
    pollfd watched{socket_.get(), events, 0};
    if (detail::wait_for_any({&watched, 1}, deadline)) return;
    throw CommunicationError(key.empty() ? concat("torchrun's store at ", name_, " takes no message in time")
                                         : concat("torchrun's store at ", name_, ": nobody set '", key,
                                                  "' in time; rank 0 has not started, or ended early"));
  }

  std::string name_;
  FileDescriptor socket_;
};

/// Where rank 0 of a job tells the others its port: torchrun's store, and a key there.
struct PortNotice {
  std::string host;    ///< MASTER_ADDR.
  int store_port = 0;  ///< MASTER_PORT, at which the store listens.
  std::string key;

  /// `name` tells the meetings of one job apart.
  LOCKSTEP_ON_DEMAND static PortNotice of_job(std::string host, int store_port, std::string_view job_id,
                                              std::string_view name) {
    // Keys of Python's TCPStore start with a slash that Python does not show.
    return {std::move(host), store_port, concat("/lockstep/", job_id, "/", name, "/port")};
  }
};

/// For rank 0: tells the others the port that it listens at. Throws CommunicationError.
LOCKSTEP_ON_DEMAND void publish_port(const PortNotice& notice, int port, const Deadline& deadline) {
  TorchStore store(notice.host, notice.store_port, deadline);
  store.set(notice.key, std::to_string(port), deadline);
}

/// The port that rank 0 published. Throws CommunicationError when it does not in time, or when it is no port.
LOCKSTEP_ON_DEMAND int find_port(const PortNotice& notice, const Deadline& deadline) {
  TorchStore store(notice.host, notice.store_port, deadline);
  const std::string text = store.get(notice.key, deadline);
  try {
    return detail::parse_variable(notice.key.c_str(), text, 1, 65535);
  } catch (const EnvironmentError&) {
    throw CommunicationError(concat("torchrun's store at ", notice.host, ":", notice.store_port,
                                    " holds no port under '", notice.key, "' but \"", text.substr(0, 40), "\""));
  }
}

}  // namespace lockstep
