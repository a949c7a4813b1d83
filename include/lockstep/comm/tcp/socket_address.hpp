// Addresses of the internet, from names to what the kernel takes and back to text.
#pragma once

#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep::detail {

/// An IPv4 or IPv6 address and a port.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }

  std::uint16_t port() const {
    return ntohs(family() == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port
                                      : reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
  }
  void set_port(std::uint16_t port) {
    if (family() == AF_INET6) {
      reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port = htons(port);
    } else {
      reinterpret_cast<sockaddr_in*>(&storage)->sin_port = htons(port);
    }
  }

  bool is_loopback() const {
    if (family() == AF_INET) {
      return ntohl(reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr.s_addr) >> 24 == 127;
    }
    const in6_addr& address = reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(&address) || (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == 127);
  }

  /// 0.0.0.0 or ::, which stand for all interfaces.
  bool is_any() const {
    if (family() == AF_INET) return reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr.s_addr == INADDR_ANY;
    const in6_addr& address = reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr;
    return IN6_IS_ADDR_UNSPECIFIED(&address);
  }

  /// The numeric address without the port.
  LOCKSTEP_ON_DEMAND std::string host() const {
    char text[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE] = "";
    if (::getnameinfo(get(), length, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) return "?";
    return text;
  }
};

/// "10.1.2.3:29500" or "[::1]:29500".
LOCKSTEP_ON_DEMAND std::string to_string(const SocketAddress& address) {
  const char* format = address.family() == AF_INET6 ? "]:" : ":";
  return concat(address.family() == AF_INET6 ? "[" : "", address.host(), format, address.port());
}

/// The errno of a failed getaddrinfo in words.
LOCKSTEP_ON_DEMAND std::string resolver_text(int code, int system_code) {
  return code == EAI_SYSTEM ? std::strerror(system_code) : ::gai_strerror(code);
}

/// A numeric address; nothing when the text is something else. Asks nobody.
LOCKSTEP_ON_DEMAND std::optional<SocketAddress> numeric_address(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string service = concat(port);
  if (port < 0 || port > 65535 || ::getaddrinfo(host.c_str(), service.c_str(), &hints, &found) != 0) return {};
  std::optional<SocketAddress> address;
  if (found->ai_family == AF_INET || found->ai_family == AF_INET6) {
    address.emplace();
    std::memcpy(&address->storage, found->ai_addr, found->ai_addrlen);
    address->length = found->ai_addrlen;
  }
  ::freeaddrinfo(found);
  return address;
}

/// All addresses of a host name or numeric address. A name server that does not answer is asked until the deadline, a
/// name that does not exist for ten seconds (clusters publish the names of fresh hosts late); a single question may
/// take as long as the system's resolver allows. Throws CommunicationError.
LOCKSTEP_ON_DEMAND std::vector<SocketAddress> resolve(const std::string& host, int port, const Deadline& deadline) {
  if (port < 0 || port > 65535) throw ArgumentError(concat("tcp: port ", port, " is not between 0 and 65535"));
  if (const auto address = numeric_address(host, port)) return {*address};
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  const std::string service = concat(port);
  const Deadline unknown = deadline.at_most(std::chrono::seconds(10));
  for (;;) {
    addrinfo* found = nullptr;
    int code = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &found);
    const int system_code = errno;
    if (code == 0) {
      std::vector<SocketAddress> addresses;
      for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
        if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
        SocketAddress address;
        std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
        address.length = entry->ai_addrlen;
        addresses.push_back(address);
      }
      ::freeaddrinfo(found);
      if (!addresses.empty()) return addresses;
      code = EAI_NONAME;
    }
    if (code == EAI_AGAIN ? deadline.passed() : unknown.passed()) {
      throw CommunicationError(concat("tcp: the host name '", host, "' (port ", port,
                                      ") has no address: ", resolver_text(code, system_code),
                                      "; is it spelled right, and does 'getent hosts ", host,
                                      "' know it on this machine? A numeric address works as well"));
    }
    const timespec pause{0, 100'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

}  // namespace lockstep::detail
