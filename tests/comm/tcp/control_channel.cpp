#include "tcp_test.hpp"
#include <lockstep/comm/tcp/control_channel.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace lockstep;
using namespace lockstep::detail;
using namespace lockstep::testing;

namespace {

using Status = ControlChannel::Status;

SessionKeys keys(int send, int receive) {
  SessionKeys result;
  result.send.fill(static_cast<std::byte>(send));
  result.receive.fill(static_cast<std::byte>(receive));
  return result;
}

std::pair<ControlChannel, ControlChannel> channels(int theirs = 1) {
  auto [a, b] = socket_pair();
  return {ControlChannel(SecureStream(std::move(a)), keys(1, 2)),
          ControlChannel(SecureStream(std::move(b)), keys(2, theirs))};
}

ControlFrame heartbeat(std::uint64_t calls) { return {.kind = ControlKind::heartbeat, .calls = calls}; }

}  // namespace

TEST_CASE("frames arrive in order, both ways") {
  auto [a, b] = channels();
  ControlFrame frame;
  CHECK(b.receive(frame) == Status::nothing);
  for (std::uint64_t i = 0; i < 3; ++i) a.send(heartbeat(i));
  CHECK(a.unsent() == 3 * ControlFrame::bytes);
  REQUIRE(a.flush());
  CHECK(a.unsent() == 0);
  for (std::uint64_t i = 0; i < 3; ++i) {
    REQUIRE(b.receive(frame) == Status::frame);
    CHECK(frame.calls == i);
  }
  b.send({.kind = ControlKind::goodbye});
  REQUIRE(b.flush());
  REQUIRE(a.receive(frame) == Status::frame);
  CHECK(frame.kind == ControlKind::goodbye);
}

TEST_CASE("a side that does not read holds frames back, and loses none") {
  auto [a, b] = channels();
  std::uint64_t sent = 0;
  while (a.unsent() == 0) {
    a.send(heartbeat(sent++));
    REQUIRE(a.flush());
  }
  for (int i = 0; i < 5; ++i) a.send(heartbeat(sent++));
  ControlFrame frame;
  for (std::uint64_t received = 0; received < sent;) {
    REQUIRE(a.flush());
    if (b.receive(frame) == Status::frame) CHECK(frame.calls == received++);
  }
  CHECK(a.unsent() == 0);
}

TEST_CASE("a frame with another key fails the channel") {
  auto [a, b] = channels(9);
  a.send(heartbeat(1));
  REQUIRE(a.flush());
  ControlFrame frame;
  CHECK(b.receive(frame) == Status::failed);
  CHECK(b.fault() == "the frame's authentication code is wrong");
}

TEST_CASE("a frame that is played back fails the channel") {
  auto [ours, theirs] = socket_pair();
  ControlChannel channel(SecureStream(std::move(theirs)), keys(2, 1));
  const auto bytes = encode(heartbeat(1), keys(1, 2).send, 0);
  for (int i = 0; i < 2; ++i) REQUIRE(::send(ours.get(), bytes.data(), bytes.size(), 0) == ControlFrame::bytes);
  ControlFrame frame;
  CHECK(channel.receive(frame) == Status::frame);
  CHECK(channel.receive(frame) == Status::failed);
  CHECK(channel.fault() == "a frame was repeated or lost");
}

TEST_CASE("the end between frames is the end, within one it is a fault") {
  for (const std::size_t rest : {std::size_t{0}, std::size_t{10}}) {
    auto [ours, theirs] = socket_pair();
    ControlChannel channel(SecureStream(std::move(theirs)), keys(2, 1));
    const auto bytes = encode(heartbeat(1), keys(1, 2).send, 0);
    REQUIRE(::send(ours.get(), bytes.data(), bytes.size(), 0) == ControlFrame::bytes);
    REQUIRE(::send(ours.get(), bytes.data(), rest, 0) == static_cast<ssize_t>(rest));
    ours.close();
    ControlFrame frame;
    CHECK(channel.receive(frame) == Status::frame);
    CHECK(channel.receive(frame) == (rest == 0 ? Status::closed : Status::failed));
    if (rest > 0) CHECK(channel.fault() == "the connection ended within a control frame");
  }
}

TEST_CASE("a channel without a connection says so") {
  CHECK_FALSE(ControlChannel());
  CHECK(channels().first);
}
