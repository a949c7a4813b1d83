#include "socket_mesh.hpp"
#include <lockstep/comm/tcp/control_links.hpp>

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace ls = lockstep;
using ls::detail::ControlChannel;
using ls::detail::ControlFrame;
using ls::detail::ControlKind;
using ls::detail::ControlLinks;
using ls::detail::ControlNews;
using ls::detail::Mesh;
using ls::detail::Poller;
using Status = ls::detail::ControlChannel::Status;

namespace {

/// The links of rank 0; the other ranks' channels are moved by hand.
struct Group {
  explicit Group(int size = 3) : meshes(ls::testing::socket_meshes(size)) {}

  ControlChannel& far(int rank) { return meshes[static_cast<std::size_t>(rank)].peers[0].control; }

  /// The ranks of which the poller has news now, in order.
  std::vector<int> news() {
    Poller::Events events;
    std::vector<int> ranks;
    for (const epoll_event& event : poller.wait(events, std::chrono::nanoseconds(0))) {
      ranks.push_back(static_cast<int>(event.data.u64));
    }
    std::sort(ranks.begin(), ranks.end());
    return ranks;
  }

  std::vector<Mesh> meshes;
  Poller poller = Poller::make();
  ControlLinks links{meshes[0], poller};
};

ControlFrame heartbeat(std::uint64_t calls) { return {.kind = ControlKind::heartbeat, .calls = calls}; }

void say(ControlChannel& channel, const ControlFrame& frame) {
  channel.send(frame);
  REQUIRE(channel.flush());
}

}  // namespace

TEST_CASE("signs of life go to all, and those of the peers come with their ranks") {
  Group group;
  group.links.beat(heartbeat(7));
  for (const int rank : {1, 2}) {
    ControlFrame frame;
    REQUIRE(group.far(rank).receive(frame) == Status::frame);
    CHECK(frame == heartbeat(7));
  }
  CHECK(group.news().empty());
  say(group.far(2), heartbeat(3));
  CHECK(group.news() == std::vector<int>{2});
  const ControlNews news = group.links.receive(2);
  CHECK(news.status == Status::frame);
  CHECK(news.frame.calls == 3);
  CHECK(group.links.receive(2).status == Status::nothing);
  CHECK(group.links.receive(0).status == Status::nothing);  // there is no link to oneself
  CHECK_FALSE(group.links.is_open(0));
  CHECK(group.links.is_open(1));
}

TEST_CASE("a failure's text reaches everyone, a word to one reaches that one alone") {
  Group group;
  const ControlFrame failure{
      .kind = ControlKind::failure, .epoch = 2, .culprit = 1, .text = "rank 1 (host alpha, pid 101) died"};
  group.links.broadcast(failure);
  group.links.send(2, {.kind = ControlKind::goodbye, .epoch = 2});
  ControlFrame frame;
  for (const int rank : {1, 2}) {
    REQUIRE(group.far(rank).receive(frame) == Status::frame);
    CHECK(frame == failure);
  }
  CHECK(group.far(1).receive(frame) == Status::nothing);
  REQUIRE(group.far(2).receive(frame) == Status::frame);
  CHECK(frame.kind == ControlKind::goodbye);
}

TEST_CASE("what a rank said before its end is heard, then its end, once") {
  Group group;
  say(group.far(1), {.kind = ControlKind::goodbye});
  group.far(1).stream().close();
  CHECK(group.links.receive(1).frame.kind == ControlKind::goodbye);
  CHECK(group.links.is_open(1));
  CHECK(group.links.receive(1).status == Status::closed);
  CHECK_FALSE(group.links.is_open(1));
  CHECK(group.links.receive(1).status == Status::nothing);
  CHECK(group.news().empty());
  group.links.broadcast(heartbeat(1));  // to those who are left
  ControlFrame frame;
  CHECK(group.far(2).receive(frame) == Status::frame);
}

TEST_CASE("a process killed with unread bytes resets its connection: that is an end, too") {
  Group group;
  group.links.beat(heartbeat(1));
  group.far(1).stream().close();
  CHECK(group.links.receive(1).status == Status::closed);
}

TEST_CASE("a frame that is not authentic fails its link, over which the reason may still be told") {
  Group group;
  const std::string garbage(ControlFrame::bytes, 'x');
  REQUIRE(::send(group.far(1).descriptor(), garbage.data(), garbage.size(), 0) == ControlFrame::bytes);
  const ControlNews news = group.links.receive(1);
  CHECK(news.status == Status::failed);
  CHECK(news.fault == "the frame's authentication code is wrong");
  CHECK_FALSE(group.links.is_open(1));
  CHECK(group.links.receive(1).status == Status::nothing);
  say(group.far(1), heartbeat(1));
  CHECK(group.news().empty());
  group.links.broadcast({.kind = ControlKind::failure, .culprit = 1, .text = "it lies"});
  ControlFrame frame;
  REQUIRE(group.far(1).receive(frame) == Status::frame);
  CHECK(frame.text == "it lies");
}

TEST_CASE("silence is noticed unless it is forgiven, and not of a rank that was given up") {
  constexpr std::chrono::milliseconds limit{300};
  Group group, stopped;
  CHECK(group.links.find_silent(std::chrono::hours(1)) == -1);
  ::usleep(400'000);
  CHECK(group.links.find_silent(limit) == 1);
  say(group.far(1), heartbeat(1));
  REQUIRE(group.links.receive(1).status == Status::frame);
  CHECK(group.links.find_silent(limit) == 2);
  group.links.give_up(2);
  CHECK_FALSE(group.links.is_open(2));
  CHECK(group.links.find_silent(limit) == -1);
  group.links.broadcast(heartbeat(2));
  ControlFrame frame;
  CHECK(group.far(2).receive(frame) == Status::nothing);

  CHECK(stopped.links.find_silent(limit) == 1);
  stopped.links.forgive_silence();
  CHECK(stopped.links.find_silent(limit) == -1);
}

TEST_CASE("a peer that does not read gets no more signs of life, no endless queue, and later all that was said") {
  Group group(2);
  ControlChannel& near = group.meshes[0].peers[1].control;
  std::uint64_t said = 0;
  while (near.unsent() == 0) group.links.send(1, heartbeat(said++));
  const std::size_t stuck = near.unsent();
  group.links.beat(heartbeat(1'000'000));
  CHECK(near.unsent() == stuck);
  for (int i = 0; i < 1000; ++i) group.links.send(1, heartbeat(said++));
  CHECK(near.unsent() > stuck);
  CHECK(near.unsent() <= 66 * ControlFrame::bytes);
  ControlFrame frame;
  std::uint64_t heard = 0;
  for (bool goes_on = true; goes_on;) {
    goes_on = false;
    while (group.far(1).receive(frame) == Status::frame) CHECK(frame.calls == heard++);
    for (const int rank : group.news()) {  // there is room again
      goes_on = true;
      CHECK(group.links.receive(rank).status == Status::nothing);
    }
  }
  CHECK(near.unsent() == 0);
  CHECK(heard > 64);
  CHECK(heard < said);  // the queue was cut
  CHECK(group.far(1).receive(frame) == Status::nothing);
}

TEST_CASE("the end waits for a slow reader as long as it was told, and is an end to the other side") {
  Group group(2);
  while (group.meshes[0].peers[1].control.unsent() == 0) group.links.send(1, heartbeat(1));
  const auto begin = std::chrono::steady_clock::now();
  group.links.finish(std::chrono::milliseconds(50));
  const auto taken = std::chrono::steady_clock::now() - begin;
  CHECK(taken >= std::chrono::milliseconds(40));
  CHECK(taken < std::chrono::seconds(10));

  Group quick(2);
  say(quick.far(1), heartbeat(1));  // unread until now, and no reason for a reset
  quick.links.send(1, {.kind = ControlKind::goodbye});
  quick.links.finish(std::chrono::seconds(10));
  quick.meshes[0].peers[1].control.stream().close();
  ControlFrame frame;
  REQUIRE(quick.far(1).receive(frame) == Status::frame);
  CHECK(frame.kind == ControlKind::goodbye);
  CHECK(quick.far(1).receive(frame) == Status::closed);
}
