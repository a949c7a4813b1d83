#include "tcp_test.hpp"
#include <lockstep/comm/tcp/connector.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

using namespace lockstep;
using namespace lockstep::detail;
using namespace lockstep::testing;

namespace {

void configure(ConnectionSettings& settings) {
  settings.self.rank = 1;
  settings.self.size = 2;
  settings.self.host = "here";
  settings.self.process = 11;
  settings.key = JobKey::from("job", secret());
}

void turn(Connector& connector) {
  std::vector<pollfd> list;
  connector.watch(list);
  wait_for_any(list, Deadline::after(std::chrono::milliseconds(10)));
  connector.serve(list);
}

/// Answers the next caller's hello with a server that has this identity and key, and lets it in.
void answer(const FileDescriptor& listener, const RankIdentity& self, const JobKey& key) {
  pollfd knock{listener.get(), POLLIN, 0};
  REQUIRE(wait_for_any({&knock, 1}, Deadline::after(std::chrono::seconds(20))));
  const FileDescriptor socket = accept_from(listener, {});
  ServerHandshake server(self, key);
  const Deadline deadline = Deadline::after(std::chrono::seconds(20));
  for (short wanted = 0; !deadline.passed();) {
    if (!exchange_handshake(socket, server, wanted)) return;
    if (server.state() == ServerHandshake::State::proved) {
      server.accept();
      continue;
    }
    if (server.output().empty() && server.input().empty()) return;
    pollfd more{socket.get(), wanted, 0};
    wait_for_any({&more, 1}, deadline);
  }
}

}  // namespace

TEST_CASE("nobody there: it goes on trying and can say what stood in the way") {
  ConnectionSettings settings;
  configure(settings);
  const auto address = *numeric_address("127.0.0.1", free_port());
  Connector connector(settings, {address}, 0, {});
  CHECK(connector.obstacle() == "not tried, its address is not known");
  const Deadline deadline = Deadline::after(std::chrono::milliseconds(300));
  while (!deadline.passed()) turn(connector);
  CHECK_FALSE(connector.done());
  CHECK_FALSE(connector.met_stranger());
  CHECK(contains(connector.obstacle(), concat(" times, last at ", to_string(address), ": Connection refused")));
}

TEST_CASE("without an address it waits for one") {
  ConnectionSettings settings;
  configure(settings);
  Connector connector(settings, {}, 0, {});
  turn(connector);
  CHECK(connector.obstacle() == "not tried, its address is not known");
  connector.set_addresses({*numeric_address("127.0.0.1", free_port())});
  turn(connector);
  CHECK(contains(connector.obstacle(), "tried 1 time at 127.0.0.1:"));
}

TEST_CASE("another program at the port is tried again, and told apart from no program") {
  ConnectionSettings settings;
  configure(settings);
  const FileDescriptor listener = listen_on(*numeric_address("127.0.0.1", 0), {}, Deadline::after({}));
  Connector connector(settings, {local_address(listener.get())}, 0, {});
  const Deadline deadline = Deadline::after(std::chrono::seconds(20));
  int met = 0;
  for (; met < 3 && !deadline.passed();) {
    turn(connector);
    FileDescriptor caller = accept_from(listener, {});
    if (!caller) continue;
    ++met;
    if (met == 2) {
      const std::string banner(200, 's');
      ::send(caller.get(), banner.data(), banner.size(), MSG_NOSIGNAL);
      sleep_for(std::chrono::milliseconds(20));
      turn(connector);
      turn(connector);
    }
  }
  CHECK(met == 3);
  CHECK(connector.met_stranger());
  CHECK_FALSE(connector.done());
}

TEST_CASE("a program that takes the connection and says nothing is tried again") {
  // The limit of an attempt is too long to wait for here: what is checked is that the connection stays unfinished.
  ConnectionSettings settings;
  configure(settings);
  const FileDescriptor listener = listen_on(*numeric_address("127.0.0.1", 0), {}, Deadline::after({}));
  Connector connector(settings, {local_address(listener.get())}, 0, {});
  for (int i = 0; i < 20; ++i) turn(connector);
  CHECK_FALSE(connector.done());
  CHECK(contains(connector.obstacle(), "tried 1 time"));
  CHECK(contains(connector.obstacle(), "no answer yet"));
}

TEST_CASE("a rank of the same job with another secret ends the attempts, with advice") {
  ConnectionSettings settings;
  configure(settings);
  const FileDescriptor listener = listen_on(*numeric_address("127.0.0.1", 0), {}, Deadline::after({}));
  Connector connector(settings, {local_address(listener.get())}, 0, {});
  RankIdentity other;
  other.size = 2;
  const JobKey key = JobKey::from("job", secret(2));
  std::atomic<bool> ended = false;
  const Thread answering([&] {
    while (!ended) {
      pollfd knock{listener.get(), POLLIN, 0};
      if (!wait_for_any({&knock, 1}, Deadline::after(std::chrono::milliseconds(50)))) continue;
      answer(listener, other, key);
    }
  });
  std::string text;
  const Deadline deadline = Deadline::after(std::chrono::seconds(30));
  while (text.empty() && !deadline.passed()) {
    try {
      turn(connector);
    } catch (const CommunicationError& error) {
      text = error.what();
    }
  }
  ended = true;
  CHECK(contains(text, "rank 1 (host here, pid 11) found somebody at 127.0.0.1:"));
  CHECK(contains(text, "who is not rank 0 of this job: it knows the id of this job, but not its secret"));
  CHECK(contains(text, "give every rank the same secret"));
}

TEST_CASE("a rank that lets this one in but is not the one that was meant is an error") {
  ConnectionSettings settings;
  configure(settings);
  const FileDescriptor listener = listen_on(*numeric_address("127.0.0.1", 0), {}, Deadline::after({}));
  Connector connector(settings, {local_address(listener.get())}, 0, {});
  RankIdentity other;
  other.rank = 3;
  other.size = 2;
  other.host = "there";
  const Thread answering([&] { answer(listener, other, settings.key); });
  const std::string text = error_text<CommunicationError>([&] {
    const Deadline deadline = Deadline::after(std::chrono::seconds(20));
    while (!connector.done() && !deadline.passed()) turn(connector);
  });
  CHECK(contains(text, "looked for rank 0 at 127.0.0.1:"));
  CHECK(contains(text, "and found rank 3 (host there, pid 0)"));
}
