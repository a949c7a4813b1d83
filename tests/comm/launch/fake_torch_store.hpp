// A small TCPStore for tests, written from the protocol and not from the client.
#pragma once

#include <lockstep/comm/tcp/tcp_socket.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/file.hpp>
#include <lockstep/core/thread.hpp>

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lockstep::testing {

/// One thread serves all clients.
class FakeStore {
 public:
  /// What it does wrong.
  enum class Fault { none, hangs_up, silent, refuses_wait, huge_value, half_value, forgets };

  explicit FakeStore(Fault fault = Fault::none, int port = 0) : fault_(fault) {
    listener_ = detail::listen_on(detail::resolve("127.0.0.1", port, Deadline::after(std::chrono::seconds(5))).front(),
                                  {}, Deadline::after(std::chrono::seconds(5)));
    port_ = detail::local_address(listener_.get()).port();
    server_ = Thread([this] { serve(); });
  }
  ~FakeStore() { stop_.store(true); }

  int port() const { return port_; }

 private:
  struct Client {
    FileDescriptor socket;
    std::string input;
    std::string awaited;
    bool waits = false;
    bool validated = false;
  };

  void serve() {
    while (!stop_.load()) {
      std::vector<pollfd> watched{{listener_.get(), POLLIN, 0}};
      for (const Client& client : clients_) watched.push_back({client.socket.get(), POLLIN, 0});
      ::poll(watched.data(), watched.size(), 5);
      for (Client& client : clients_) read(client);
      std::erase_if(clients_, [](const Client& client) { return !client.socket; });
      if (FileDescriptor socket = detail::accept_from(listener_, {})) {
        clients_.push_back({std::move(socket), "", "", false, false});
      }
    }
  }

  void read(Client& client) {
    char buffer[65536];
    const ssize_t count = ::recv(client.socket.get(), buffer, sizeof buffer, 0);
    if (count < 0) return;
    if (count == 0 || fault_ == Fault::hangs_up) return client.socket.close();
    client.input.append(buffer, static_cast<std::size_t>(count));
    while (take_query(client)) {}
  }

  /// Handles one query; false when it is not there in full.
  bool take_query(Client& client) {
    std::string_view rest = client.input;
    std::string key, value;
    std::uint64_t count = 0;
    if (rest.empty()) return false;
    const char query = rest.front();
    rest.remove_prefix(1);
    if (!client.validated) {
      std::uint32_t magic = 0;
      if (query != 0 || !take(rest, magic)) return false;
      if (magic == 0x3C85F7CE) client.validated = true;
    } else if (query == 1) {
      if (!take_text(rest, key) || !take_text(rest, value)) return false;
      if (fault_ == Fault::forgets) value = "other";
      std::erase_if(entries_, [&](const auto& entry) { return entry.first == key; });
      entries_.emplace_back(key, value);
      for (Client& waiting : clients_) answer_wait(waiting);
    } else if (query == 3) {
      if (!take_text(rest, key)) return false;
      send_value(client, key);
    } else if (query == 6) {
      if (!take(rest, count) || count != 1 || !take_text(rest, key)) return false;
      client.awaited = key;
      client.waits = true;
      answer_wait(client);
    } else {
      client.socket.close();
      return false;
    }
    client.input.erase(0, client.input.size() - rest.size());
    return true;
  }

  void answer_wait(Client& client) {
    for (const auto& entry : entries_) {
      if (!client.waits || entry.first != client.awaited || fault_ == Fault::silent) continue;
      const char answer = fault_ == Fault::refuses_wait ? 1 : 0;
      ::send(client.socket.get(), &answer, 1, MSG_NOSIGNAL);
      client.waits = false;
    }
  }

  void send_value(Client& client, const std::string& key) {
    std::string value;
    for (const auto& entry : entries_) {
      if (entry.first == key) value = entry.second;
    }
    std::uint64_t size = fault_ == Fault::huge_value ? std::uint64_t{1} << 40 : value.size();
    if (fault_ == Fault::half_value) value.resize(value.size() / 2);
    std::string answer(sizeof size, '\0');
    std::memcpy(answer.data(), &size, sizeof size);
    answer += value;
    const std::size_t head = std::min<std::size_t>(answer.size(), 12);  // in pieces that cut every field
    for (std::size_t i = 0; i < head; ++i) ::send(client.socket.get(), &answer[i], 1, MSG_NOSIGNAL);
    ::send(client.socket.get(), answer.data() + head, answer.size() - head, MSG_NOSIGNAL);
    if (fault_ == Fault::half_value) client.socket.close();
  }

  template <class Number>
  static bool take(std::string_view& from, Number& number) {
    if (from.size() < sizeof number) return false;
    std::memcpy(&number, from.data(), sizeof number);
    from.remove_prefix(sizeof number);
    return true;
  }

  static bool take_text(std::string_view& from, std::string& text) {
    std::uint64_t size = 0;
    if (!take(from, size) || from.size() < size) return false;
    text = from.substr(0, size);
    from.remove_prefix(size);
    return true;
  }

  Fault fault_;
  int port_ = 0;
  std::atomic<bool> stop_{false};
  FileDescriptor listener_;
  std::vector<Client> clients_;
  std::vector<std::pair<std::string, std::string>> entries_;
  Thread server_;
};

}  // namespace lockstep::testing
