#include "fake_torch_store.hpp"
#include <lockstep/comm/launch/torch_store.hpp>
#include <lockstep/core/thread.hpp>

#include <doctest/doctest.h>

#include <string>

namespace ls = lockstep;

namespace {

using namespace std::chrono_literals;
using ls::testing::FakeStore;
using Fault = FakeStore::Fault;

ls::PortNotice notice_at(int port, const char* name = "world") {
  return ls::PortNotice::of_job("127.0.0.1", port, "run@127.0.0.1:1#0", name);
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
    store.set("key", "value", ls::Deadline::after(fault == Fault::silent ? 1s : 10s));
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
  int found = 0;
  ls::Thread late([&] { found = ls::find_port(notice_at(server.port()), ls::Deadline::after(20s)); });
  ls::detail::sleep_for(100ms);
  ls::publish_port(notice_at(server.port(), "other"), 1, ls::Deadline::after(20s));
  ls::publish_port(notice_at(server.port()), 41234, ls::Deadline::after(20s));
  late.join();
  CHECK(found == 41234);
}

TEST_CASE("jobs and restarts at one store are kept apart") {
  const FakeStore server;
  ls::publish_port(notice_at(server.port()), 4000, ls::Deadline::after(20s));
  const ls::PortNotice restarted = ls::PortNotice::of_job("127.0.0.1", server.port(), "run@127.0.0.1:1#1", "world");
  const std::string message = message_of([&] { ls::find_port(restarted, ls::Deadline::after(1s)); });
  CHECK(holds(message, "nobody set '/lockstep/run@127.0.0.1:1#1/world/port' in time"));
}

TEST_CASE("what is no port is refused") {
  const FakeStore server;
  const ls::PortNotice notice = notice_at(server.port());
  const ls::Deadline deadline = ls::Deadline::after(20s);
  ls::TorchStore store("127.0.0.1", server.port(), deadline);
  for (const char* text : {"", "0", "65536", "http", "1 "}) {
    CAPTURE(text);
    store.set(notice.key, text, deadline);
    const std::string message = message_of([&] { ls::find_port(notice, deadline); });
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
