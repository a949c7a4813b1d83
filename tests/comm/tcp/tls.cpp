#include "tcp_test.hpp"
#include <lockstep/comm/tcp/tls.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <string>

using namespace lockstep;
using namespace lockstep::detail;
using namespace lockstep::testing;

namespace {

Digest key(int number) {
  Digest result;
  result.fill(static_cast<std::byte>(number));
  return result;
}

/// Moves both handshakes on until neither waits for the other.
std::pair<TlsStatus, TlsStatus> shake_hands(TlsSession& client, TlsSession& server) {
  TlsStatus ours{}, theirs{};
  for (int turn = 0; turn < 10; ++turn) {
    ours = client.handshake();
    theirs = server.handshake();
    if (ours == TlsStatus::failed || theirs == TlsStatus::failed) break;
    if (ours == TlsStatus::done && theirs == TlsStatus::done) break;
  }
  return {ours, theirs};
}

}  // namespace

TEST_CASE("two sides with one key talk, and what they say is not what goes over the wire") {
  const TlsContext context = TlsContext::make();
  const auto [a, b] = socket_pair();
  TlsSession client(context, a.get(), true, key(1));
  TlsSession server(context, b.get(), false, key(1));
  const auto [ours, theirs] = shake_hands(client, server);
  REQUIRE(ours == TlsStatus::done);
  REQUIRE(theirs == TlsStatus::done);

  const std::string_view words = "these words must not be seen";
  std::size_t count = 0;
  REQUIRE(client.write(std::as_bytes(std::span(words)), count) == TlsStatus::done);
  CHECK(count == words.size());
  std::array<char, 4096> wire;
  const ssize_t seen = ::recv(b.get(), wire.data(), wire.size(), MSG_PEEK);
  REQUIRE(seen > static_cast<ssize_t>(words.size()));
  CHECK_FALSE(contains({wire.data(), static_cast<std::size_t>(seen)}, "words"));
  CHECK(wire[0] == 23);  // a record of application data

  std::array<std::byte, 100> heard;
  REQUIRE(server.read(heard, count) == TlsStatus::done);
  CHECK(std::string_view(reinterpret_cast<const char*>(heard.data()), count) == words);
  CHECK(server.read(heard, count) == TlsStatus::wants_read);

  client.say_goodbye();
  CHECK(server.read(heard, count) == TlsStatus::closed);
}

TEST_CASE("sides with different keys do not come together") {
  const TlsContext context = TlsContext::make();
  const auto [a, b] = socket_pair();
  TlsSession client(context, a.get(), true, key(1));
  TlsSession server(context, b.get(), false, key(2));
  const auto [ours, theirs] = shake_hands(client, server);
  CHECK(theirs == TlsStatus::failed);
  CHECK(ours != TlsStatus::done);
}

TEST_CASE("garbage, an end without goodbye and a changed byte are told apart from data") {
  const TlsContext context = TlsContext::make();
  {
    const auto [a, b] = socket_pair();
    TlsSession server(context, b.get(), false, key(1));
    CHECK(::send(a.get(), "GET / HTTP/1.1\r\n\r\n", 18, 0) == 18);
    CHECK(server.handshake() == TlsStatus::failed);
  }
  {
    auto [a, b] = socket_pair();
    TlsSession client(context, a.get(), true, key(1));
    TlsSession server(context, b.get(), false, key(1));
    REQUIRE(shake_hands(client, server).second == TlsStatus::done);
    std::array<std::byte, 64> bytes{};
    std::size_t count = 0;
    REQUIRE(client.write(bytes, count) == TlsStatus::done);
    std::array<unsigned char, 200> wire;
    const ssize_t length = ::recv(b.get(), wire.data(), wire.size(), 0);
    REQUIRE(length > 64);
    wire[20] ^= 1;
    CHECK(::send(a.get(), wire.data(), static_cast<std::size_t>(length), 0) == length);
    CHECK(server.read(bytes, count) == TlsStatus::failed);
  }
  {
    auto [a, b] = socket_pair();
    TlsSession client(context, a.get(), true, key(1));
    TlsSession server(context, b.get(), false, key(1));
    REQUIRE(shake_hands(client, server).second == TlsStatus::done);
    a.close();
    std::array<std::byte, 64> bytes{};
    std::size_t count = 0;
    CHECK(server.read(bytes, count) == TlsStatus::closed);
    server.write(bytes, count);  // into a connection that is gone: an error, no signal
    CHECK(server.write(bytes, count) == TlsStatus::failed);
  }
}

TEST_CASE("contexts can be moved; one that was not made is empty") {
  TlsContext empty;
  CHECK_FALSE(empty);
  empty = TlsContext::make();
  CHECK(empty);
  const TlsContext moved = std::move(empty);
  CHECK(moved);
}
