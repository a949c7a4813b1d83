#include "tcp_test.hpp"
#include <lockstep/comm/tcp/handshake.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

using namespace lockstep;
using namespace lockstep::detail;
using namespace lockstep::testing;

namespace {

using ClientState = ClientHandshake::State;
using ServerState = ServerHandshake::State;

RankIdentity identity(int rank) {
  RankIdentity result;
  result.rank = rank;
  result.size = 4;
  result.epoch = 6;
  result.process = 1000 + rank;
  result.host = concat("host", rank);
  return result;
}

JobKey key(std::string_view job = "job", int number = 1) { return JobKey::from(job, secret(number)); }

/// Moves bytes from one side to the other, at most `portion` at a time; what was moved.
template <class From, class To>
std::vector<std::byte> pass(From& from, To& to, std::size_t portion = 4096) {
  std::vector<std::byte> moved;
  while (!from.output().empty() && !to.input().empty()) {
    const std::size_t count = std::min({from.output().size(), to.input().size(), portion});
    std::copy_n(from.output().begin(), count, to.input().begin());
    moved.insert(moved.end(), from.output().begin(), from.output().begin() + static_cast<std::ptrdiff_t>(count));
    from.sent(count);
    to.received(count);
  }
  return moved;
}

}  // namespace

TEST_CASE("two ranks of a job prove themselves and have the same keys, whatever the portions") {
  for (const std::size_t portion : {1U, 7U, 4096U}) {
    ClientHandshake client(identity(2), key(), 1, {ChannelKind::data, 3});
    ServerHandshake server(identity(1), key());
    pass(client, server, portion);
    CHECK(server.state() == ServerState::proof);
    pass(server, client, portion);
    CHECK(client.state() == ClientState::verdict);
    pass(client, server, portion);
    REQUIRE(server.state() == ServerState::proved);
    CHECK(server.peer().rank == 2);
    CHECK(server.peer().size == 4);
    CHECK(server.peer().epoch == 6);
    CHECK(server.peer().process == 1002);
    CHECK(server.peer().host == "host2");
    CHECK(server.hello().target == 1);
    CHECK(server.hello().channel.index == 3);
    server.accept();
    pass(server, client, portion);
    REQUIRE(client.state() == ClientState::accepted);
    CHECK(client.peer().rank == 1);
    CHECK(client.peer().process == 1001);
    CHECK(client.peer().host == "host1");
    CHECK(client.input().empty());
    CHECK(client.keys().send == server.keys().receive);
    CHECK(client.keys().receive == server.keys().send);
    CHECK(client.keys().tls == server.keys().tls);
    CHECK(client.keys().send != client.keys().receive);
    CHECK(client.keys().send != client.keys().tls);
  }
}

TEST_CASE("keys are new with every connection") {
  std::vector<Digest> seen;
  for (int i = 0; i < 2; ++i) {
    ClientHandshake client(identity(2), key(), 1, {});
    ServerHandshake server(identity(1), key());
    pass(client, server);
    pass(server, client);
    seen.push_back(client.keys().send);
  }
  CHECK(seen[0] != seen[1]);
}

TEST_CASE("a refusal reaches the rank with its text") {
  ClientHandshake client(identity(2), key(), 1, {});
  ServerHandshake server(identity(1), key());
  pass(client, server);
  pass(server, client);
  pass(client, server);
  server.refuse("two processes came as rank 2");
  pass(server, client);
  CHECK(client.state() == ClientState::refused);
  CHECK(client.refusal() == "two processes came as rank 2");
}

TEST_CASE("a stranger to the job gets no byte") {
  ClientHandshake client(identity(2), key("another job"), 1, {});
  ServerHandshake server(identity(1), key());
  pass(client, server);
  CHECK(server.state() == ServerState::stranger);
  CHECK(server.output().empty());
  CHECK(server.input().empty());
}

TEST_CASE("who knows the job id but not the secret is found out, on either side") {
  ClientHandshake client(identity(2), key("job", 2), 1, {});
  ServerHandshake server(identity(1), key("job", 1));
  pass(client, server);
  const auto answer = pass(server, client);
  CHECK(answer.size() == ServerHello::bytes);
  CHECK(client.state() == ClientState::stranger);
  CHECK(std::string(client.fault()) == "it knows the id of this job, but not its secret");
  CHECK(client.output().empty());

  // A stranger that goes on regardless.
  const auto forged = encode(ClientProof{1, "evil", {}});
  std::copy(forged.begin(), forged.end(), server.input().begin());
  server.received(forged.size());
  CHECK(server.state() == ServerState::stranger);
  CHECK(server.output().empty());
}

TEST_CASE("what was recorded from a client does not work a second time") {
  ClientHandshake client(identity(2), key(), 1, {});
  ServerHandshake server(identity(1), key());
  const auto hello = pass(client, server);
  pass(server, client);
  const auto proof = pass(client, server);
  REQUIRE(server.state() == ServerState::proved);

  ServerHandshake again(identity(1), key());
  std::copy(hello.begin(), hello.end(), again.input().begin());
  again.received(hello.size());
  REQUIRE(again.state() == ServerState::proof);
  std::copy(proof.begin(), proof.end(), again.input().begin());
  again.received(proof.size());
  CHECK(again.state() == ServerState::stranger);
}

TEST_CASE("what was recorded from a server does not work a second time") {
  ClientHandshake first(identity(2), key(), 1, {}), second(identity(2), key(), 1, {});
  ServerHandshake server(identity(1), key());
  pass(first, server);
  const auto answer = pass(server, first);
  REQUIRE(first.state() == ClientState::verdict);
  std::copy(answer.begin(), answer.end(), second.input().begin());
  second.received(answer.size());
  CHECK(second.state() == ClientState::stranger);
}

TEST_CASE("no bit of any message can be changed on the way") {
  const auto run = [](int message, std::size_t bit) {
    ClientHandshake client(identity(2), key(), 1, {ChannelKind::messages, 0});
    ServerHandshake server(identity(1), key());
    int count = 0;
    const auto pass_changed = [&](auto& from, auto& to) {
      const std::size_t bytes = std::min(from.output().size(), to.input().size());
      std::copy_n(from.output().begin(), bytes, to.input().begin());
      if (count++ == message) to.input()[bit / 8] ^= std::byte{1} << (bit % 8);
      from.sent(bytes);
      to.received(bytes);
    };
    pass_changed(client, server);
    if (server.state() != ServerState::proof) return false;
    pass_changed(server, client);
    if (client.state() != ClientState::verdict) return false;
    pass_changed(client, server);
    if (server.state() != ServerState::proved) return false;
    server.accept();
    pass_changed(server, client);
    return client.state() == ClientState::accepted;
  };
  CHECK(run(-1, 0));
  int accepted = 0;
  for (std::size_t bit = 0; bit < ClientHello::bytes * 8; ++bit) accepted += run(0, bit);
  for (std::size_t bit = 0; bit < ServerHello::bytes * 8; ++bit) accepted += run(1, bit);
  for (std::size_t bit = 0; bit < ClientProof::bytes * 8; ++bit) accepted += run(2, bit);
  for (std::size_t bit = 0; bit < Verdict::bytes * 8; bit += 7) accepted += run(3, bit);
  CHECK(accepted == 0);
}

TEST_CASE("a proof of one side is none of the other") {
  // A reflection: the "server" is a mirror that sends back what the client says.
  ClientHandshake client(identity(2), key(), 1, {});
  std::vector<std::byte> hello(client.output().begin(), client.output().end());
  client.sent(hello.size());
  hello.resize(client.input().size());
  std::copy(hello.begin(), hello.end(), client.input().begin());
  client.received(hello.size());
  CHECK(client.state() == ClientState::stranger);
}

TEST_CASE("jobs without a secret are kept apart by their ids") {
  const JobKey one = JobKey::from("one", {}), two = JobKey::from("two", {});
  CHECK(one.job != two.job);
  CHECK(one.key != two.key);
  CHECK(one.key != JobKey::from("one", secret()).key);
}

TEST_CASE("a rank is described by its number, host and process") {
  CHECK(describe(identity(3)) == "rank 3 (host host3, pid 1003)");
}
