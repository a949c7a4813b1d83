#include <lockstep/comm/launch/torch_store.hpp>
#include <lockstep/core/thread.hpp>

#include <doctest/doctest.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ls = lockstep;

namespace {

using namespace std::chrono_literals;

/// What the server of a test does wrong.
enum class Fault { none, hangs_up, silent, refuses_wait, huge_value, half_value, forgets };

/// A small TCPStore, written from the protocol's description in PyTorch: one thread, blocking reads, its own parser.
class FakeStore {
 public:
  explicit FakeStore(Fault fault = Fault::none, int port = 0) : fault_(fault) {
    listener_ = ls::detail::listen_on(ls::detail::resolve("127.0.0.1", port, ls::Deadline::after(5s)).front(), {},
                                      ls::Deadline::after(5s));
    port_ = ls::detail::local_address(listener_).port();
    server_ = ls::Thread([this] { serve(); });
  }
  ~FakeStore() { stop_.store(true); }

  int port() const { return port_; }

 private:
  struct Client {
    ls::FileDescriptor socket;
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
      if (ls::FileDescriptor socket = ls::detail::accept_from(listener_, {})) {
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
  ls::FileDescriptor listener_;
  std::vector<Client> clients_;
  std::vector<std::pair<std::string, std::string>> entries_;
  ls::Thread server_;
};

ls::LaunchEnvironment torchrun_at(int port) {
  ls::LaunchEnvironment environment;
  environment.launcher = "torchrun";
  environment.job_id = "run@127.0.0.1:1#0";
  environment.master_address = "127.0.0.1";
  environment.master_port = port;
  environment.master_port_taken = true;
  return environment;
}

template <class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const ls::CommunicationError& error) {
    return error.what();
  }
  return "";
}

std::string message_with(Fault fault) {
  const FakeStore server(fault);
  return message_of([&] {
    ls::TorchStore store("127.0.0.1", server.port(), ls::Deadline::after(10s));
    store.set("key", "value", ls::Deadline::after(fault == Fault::silent ? 200ms : 10s));
  });
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("what one client sets another gets") {
  const FakeStore server;
  const ls::Deadline deadline = ls::Deadline::after(20s);
  ls::TorchStore one("127.0.0.1", server.port(), deadline), other("localhost", server.port(), deadline);
  one.set("/a", "first", deadline);
  one.set("/b", std::string("\0\xff binary", 9), deadline);
  CHECK(other.get("/b", deadline) == std::string("\0\xff binary", 9));
  CHECK(other.get("/a", deadline) == "first");
  other.set("/a", "", deadline);
  CHECK(one.get("/a", deadline).empty());
}

TEST_CASE("a client waits for a key that is set later") {
  const FakeStore server;
  const ls::LaunchEnvironment environment = torchrun_at(server.port());
  int found = 0;
  ls::Thread late([&] { found = ls::find_port(environment, "world", ls::Deadline::after(20s)); });
  ls::detail::sleep_for(100ms);
  ls::publish_port(environment, "other", 1, ls::Deadline::after(20s));
  ls::publish_port(environment, "world", 41234, ls::Deadline::after(20s));
  late.join();
  CHECK(found == 41234);
}

TEST_CASE("jobs and restarts at one store are kept apart") {
  const FakeStore server;
  ls::LaunchEnvironment environment = torchrun_at(server.port());
  ls::publish_port(environment, "world", 4000, ls::Deadline::after(20s));
  environment.job_id = "run@127.0.0.1:1#1";
  const std::string message = message_of([&] { ls::find_port(environment, "world", ls::Deadline::after(200ms)); });
  CHECK(holds(message, "nobody set '/lockstep/run@127.0.0.1:1#1/world/port' in time"));
}

TEST_CASE("what is no port is refused") {
  const FakeStore server;
  const ls::LaunchEnvironment environment = torchrun_at(server.port());
  const ls::Deadline deadline = ls::Deadline::after(20s);
  ls::TorchStore store("127.0.0.1", server.port(), deadline);
  for (const char* text : {"", "0", "65536", "http", "1 "}) {
    CAPTURE(text);
    store.set("/lockstep/" + environment.job_id + "/world/port", text, deadline);
    const std::string message = message_of([&] { ls::find_port(environment, "world", deadline); });
    CHECK(holds(message, "holds no port under"));
    CHECK(holds(message, "\"" + std::string(text) + "\""));
  }
}

TEST_CASE("a store that misbehaves is an error that says how, in time and within limits") {
  CHECK(holds(message_with(Fault::hangs_up), "is gone"));
  CHECK(holds(message_with(Fault::silent), "nobody set 'key' in time"));
  CHECK(holds(message_with(Fault::refuses_wait), "answered 1 where 0"));
  CHECK(holds(message_with(Fault::huge_value), "has 1099511627776 bytes under 'key', more than the 4096"));
  CHECK(holds(message_with(Fault::half_value), "is gone"));
  CHECK(holds(message_with(Fault::forgets), "holds another value"));
}

TEST_CASE("a store that is not there is an error that names where") {
  int port = 0;
  {
    const FakeStore server;
    port = server.port();
  }
  const std::string message = message_of([&] { ls::TorchStore("127.0.0.1", port, ls::Deadline::after(300ms)); });
  CHECK(holds(message, "127.0.0.1:" + std::to_string(port)));
  CHECK(holds(message, "Connection refused"));
}

TEST_CASE("a store that starts late is waited for") {
  int port = 0;
  {
    const FakeStore server;
    port = server.port();
  }
  std::string message = "none";
  ls::Thread early([&] {
    message = message_of([&] {
      const ls::Deadline deadline = ls::Deadline::after(20s);
      ls::TorchStore("127.0.0.1", port, deadline).set("key", "value", deadline);
    });
  });
  ls::detail::sleep_for(200ms);
  const FakeStore server(Fault::none, port);
  early.join();
  CHECK(message.empty());
}

TEST_CASE("keys and values have a limit") {
  const FakeStore server;
  const ls::Deadline deadline = ls::Deadline::after(20s);
  ls::TorchStore store("127.0.0.1", server.port(), deadline);
  CHECK_THROWS_AS(store.set("key", std::string(4097, 'x'), deadline), ls::ArgumentError);
  CHECK_THROWS_AS(store.get(std::string(4097, 'x'), deadline), ls::ArgumentError);
  store.set("key", std::string(4096, 'x'), deadline);
  CHECK(store.get("key", deadline) == std::string(4096, 'x'));
}
