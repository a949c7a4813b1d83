#include "socket_mesh.hpp"
#include <lockstep/comm/tcp/message_queues.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <numeric>
#include <string>
#include <vector>

namespace ls = lockstep;
using ls::detail::Call;
using ls::detail::Collective;
using ls::detail::Flow;
using ls::detail::HeaderDifference;
using ls::detail::MessageQueues;
using ls::detail::MessageTicket;

namespace {

using Numbers = std::vector<std::int32_t>;

/// The queues of all ranks, in this thread.
struct Group {
  explicit Group(int size, std::uint64_t epoch_of_last = 5) : meshes(ls::testing::socket_meshes(size)) {
    for (ls::detail::Mesh& mesh : meshes) {
      MessageQueues& queues = all.emplace_back(mesh.rank + 1 == size ? epoch_of_last : 5);
      for (ls::detail::MeshPeer& peer : mesh.peers) queues.add_peer(peer.messages);
      ranks.push_back(&queues);
    }
  }
  MessageQueues& operator[](int rank) { return *ranks[static_cast<std::size_t>(rank)]; }

  /// Moves all queues until nothing moves; epoll's part is played by `report`.
  void drive() {
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
        for (const int peer : ranks[rank]->busy()) ranks[rank]->connection(peer).report(EPOLLIN | EPOLLOUT);
        moved |= ranks[rank]->advance();
      }
    }
  }

  std::vector<ls::detail::Mesh> meshes;
  std::list<MessageQueues> all;
  std::vector<MessageQueues*> ranks;
};

Call message(Collective direction, int peer, Numbers& numbers) {
  Call call;
  call.fingerprint = {.collective = direction,
                      .dtype = ls::DType::int32,
                      .root = static_cast<std::uint16_t>(peer),
                      .count = numbers.size()};
  std::byte* const bytes = reinterpret_cast<std::byte*>(numbers.data());
  if (direction == Collective::send) {
    call.input = bytes;
  } else {
    call.output = bytes;
  }
  call.piece = numbers.size() * sizeof(std::int32_t);
  call.element = sizeof(std::int32_t);
  return call;
}
Call send_to(int peer, Numbers& numbers) { return message(Collective::send, peer, numbers); }
Call receive_from(int peer, Numbers& numbers) { return message(Collective::receive, peer, numbers); }

Numbers numbers_from(std::int32_t first, std::size_t count) {
  Numbers numbers(count);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

}  // namespace

TEST_CASE("a ticket holds direction, peer and number, and is told from those of collectives") {
  for (const MessageTicket ticket : {MessageTicket{true, 65'534, 123'456'789'012}, MessageTicket{false, 0, 0}}) {
    CHECK(MessageTicket::is_one(ticket.packed()));
    const MessageTicket copy = MessageTicket::unpack(ticket.packed());
    CHECK(copy.incoming == ticket.incoming);
    CHECK(copy.peer == ticket.peer);
    CHECK(copy.number == ticket.number);
  }
  CHECK_FALSE(MessageTicket::is_one(1'000'000'000));
}

TEST_CASE("many messages that wait are delivered in the order of their calls, in both directions") {
  constexpr std::size_t many = 3'000;  // more than the kernel holds, and than a queue keeps behind its front
  Group group(2);
  std::vector<Numbers> there, back, here, home;
  for (std::size_t i = 0; i < many; ++i) {
    there.push_back(numbers_from(static_cast<std::int32_t>(i), i % 50));
    back.push_back(numbers_from(static_cast<std::int32_t>(2 * i), 1 + i % 7));
    here.emplace_back(there.back().size());
    home.emplace_back(back.back().size());
  }
  std::vector<std::uint64_t> sends, receives;
  for (std::size_t i = 0; i < many; ++i) sends.push_back(group[0].start(send_to(1, there[i])));
  for (std::size_t i = 0; i < many; ++i) group[1].start(send_to(0, back[i]));
  CHECK(group[0].pending() == many);
  CHECK(group[0].waits_for(1));
  group.drive();
  CHECK_FALSE(group[1].done(group[1].start(receive_from(0, here[0]))));
  group.drive();
  for (std::size_t i = 1; i < many; ++i) receives.push_back(group[1].start(receive_from(0, here[i])));
  for (std::size_t i = 0; i < many; ++i) group[0].start(receive_from(1, home[i]));
  group.drive();
  for (const int rank : {0, 1}) {
    CHECK(group[rank].trouble().peer == -1);
    CHECK(group[rank].idle());
    CHECK(group[rank].pending() == 0);
    CHECK_FALSE(group[rank].waits_for(1 - rank));
  }
  for (const std::uint64_t ticket : sends) CHECK(group[0].done(ticket));
  for (const std::uint64_t ticket : receives) CHECK(group[1].done(ticket));
  CHECK(here == there);
  CHECK(home == back);
}

TEST_CASE("a receive is done when its own message has come, and not by what others send") {
  Group group(3);
  Numbers from_one(4), from_two(4), two = numbers_from(20, 4), one = numbers_from(10, 4);
  const std::uint64_t second = group[0].start(receive_from(2, from_two));
  const std::uint64_t first = group[0].start(receive_from(1, from_one));
  group[2].start(send_to(0, two));
  group.drive();
  CHECK_FALSE(group[0].done(first));
  CHECK(group[0].done(second));
  CHECK(from_two == two);
  CHECK(group[0].waits_for(1));
  CHECK_FALSE(group[0].waits_for(2));
  CHECK(group[0].busy() == std::vector<int>{1});
  CHECK(to_string(group[0].current(1).fingerprint) == "receive<int32>(4, from 1)");
  group[1].start(send_to(0, one));
  group.drive();
  CHECK(group[0].done(first));
  CHECK(from_one == one);
}

TEST_CASE("long messages to each other pass though nobody buffers them") {
  Group group(2);
  Numbers mine = numbers_from(0, 1'000'000), yours = numbers_from(7, 1'000'000), got(1'000'000), taken(1'000'000);
  group[0].start(send_to(1, mine));
  group[1].start(send_to(0, yours));
  group.drive();
  CHECK(group[0].pending() == 1);
  group[0].start(receive_from(1, got));
  group[1].start(receive_from(0, taken));
  CHECK(group[0].current(1).fingerprint.collective == Collective::receive);
  group.drive();
  CHECK(group[0].idle());
  CHECK(group[1].idle());
  CHECK(got == yours);
  CHECK(taken == mine);
}

TEST_CASE("a message of another count or type, or of an earlier communicator, is a mismatch") {
  for (const HeaderDifference difference : {HeaderDifference::fingerprint, HeaderDifference::epoch}) {
    const bool earlier = difference == HeaderDifference::epoch;
    Group group(2, earlier ? 4 : 5);
    Numbers sent = numbers_from(1, 5), received(earlier ? 5 : 4, 99);
    const std::uint64_t ticket = group[0].start(receive_from(1, received));
    group[1].start(send_to(0, sent));
    group.drive();
    CHECK_FALSE(group[0].done(ticket));
    REQUIRE(group[0].trouble().peer == 1);
    CHECK(group[0].trouble().flow == Flow::mismatch);
    CHECK(compare(group[0].connection(1).received(), group[0].connection(1).expected()) == difference);
    CHECK_FALSE(group[0].advance());
  }
}

TEST_CASE("a peer that has gone is trouble, what it sent before is not lost, and what is cancelled is forgotten") {
  Group group(3);
  Numbers sent = numbers_from(1, 5), first(5), second(5, 77), other(5);
  const std::uint64_t arrived = group[0].start(receive_from(1, first));
  const std::uint64_t missing = group[0].start(receive_from(1, second));
  group[0].start(receive_from(2, other));
  group[1].start(send_to(0, sent));
  group[1].advance();
  group.meshes[1].peers[0].messages.finish_writing();
  group.drive();
  CHECK(group[0].done(arrived));
  CHECK(first == sent);
  CHECK_FALSE(group[0].done(missing));
  REQUIRE(group[0].trouble().peer == 1);
  CHECK(group[0].trouble().flow == Flow::closed);
  CHECK(group[0].trouble().connection == &group[0].connection(1));
  group[0].cancel();
  CHECK(group[0].idle());
  CHECK_FALSE(group[0].waits_for(1));
  CHECK_FALSE(group[0].waits_for(2));
  CHECK_FALSE(group[0].done(missing));
  CHECK(second == Numbers(5, 77));
}
