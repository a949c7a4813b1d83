#include "socket_mesh.hpp"
#include <lockstep/comm/tcp/control_links.hpp>

#include <doctest/doctest.h>

#include <unistd.h>

#include <chrono>

namespace ls = lockstep;
using namespace lockstep::detail;
using Status = ControlChannel::Status;

TEST_CASE("frames reach every peer, and silence is noticed and forgiven") {
  auto meshes = ls::testing::socket_meshes(3);
  Poller zero_poller = Poller::make(), one_poller = Poller::make(), two_poller = Poller::make();
  ControlLinks zero(meshes[0], zero_poller), one(meshes[1], one_poller), two(meshes[2], two_poller);
  zero.broadcast({.kind = ControlKind::failure, .epoch = 7, .culprit = 2, .text = "why"});
  Poller::Events events;
  const auto news = one_poller.wait(events, std::chrono::seconds(5));
  REQUIRE(news.size() == 1);
  CHECK(news[0].data.u64 == 0);
  const ControlNews first = one.receive(0);
  CHECK(first.status == Status::frame);
  CHECK(first.frame.text == "why");
  CHECK(one.receive(0).status == Status::nothing);
  CHECK(two.receive(0).frame.culprit == 2);
  two.beat({.kind = ControlKind::heartbeat, .epoch = 7, .calls = 3});
  CHECK(zero.receive(2).frame.calls == 3);

  CHECK(zero.find_silent(std::chrono::seconds(10)) == -1);
  ::usleep(30'000);
  two.send(0, {.kind = ControlKind::heartbeat, .epoch = 7});
  CHECK(zero.receive(2).status == Status::frame);
  CHECK(zero.find_silent(std::chrono::milliseconds(20)) == 1);
  zero.forgive_silence();
  CHECK(zero.find_silent(std::chrono::milliseconds(20)) == -1);
  zero.give_up(1);
  CHECK(!zero.is_open(1));
  CHECK(zero.is_open(2));
  CHECK(zero.receive(1).status == Status::nothing);
}

TEST_CASE("the end of a connection comes after its last frame, and once; what is not authentic is told") {
  auto meshes = ls::testing::socket_meshes(2);
  Poller zero_poller = Poller::make(), one_poller = Poller::make();
  ControlLinks zero(meshes[0], zero_poller), one(meshes[1], one_poller);
  one.broadcast({.kind = ControlKind::goodbye, .epoch = 7});
  one.finish(std::chrono::milliseconds(100));
  CHECK(zero.receive(1).frame.kind == ControlKind::goodbye);
  CHECK(zero.receive(1).status == Status::closed);
  CHECK(!zero.is_open(1));
  CHECK(zero.receive(1).status == Status::nothing);

  auto others = ls::testing::socket_meshes(2);
  Poller third_poller = Poller::make();
  ControlLinks third(others[0], third_poller);
  const std::vector<std::byte> garbage(ControlFrame::bytes, std::byte{1});
  CHECK(others[1].peers[0].control.stream().write_some(garbage) == static_cast<std::ptrdiff_t>(garbage.size()));
  const ControlNews news = third.receive(1);
  CHECK(news.status == Status::failed);
  CHECK(ls::testing::contains(news.fault, "authentication code"));
  third.broadcast({.kind = ControlKind::failure, .epoch = 7, .text = "because"});
  ControlFrame told;
  CHECK(others[1].peers[0].control.receive(told) == Status::frame);
  CHECK(told.text == "because");
}
