#include <lockstep/comm/host/message_fifo.hpp>

#include <doctest/doctest.h>

using namespace lockstep::detail;

TEST_CASE("a ticket says what it is for") {
  const std::uint64_t ticket = message_ticket(true, 249, 123'456'789'012);
  CHECK(is_message(ticket));
  CHECK(is_send(ticket));
  CHECK(peer_of(ticket) == 249);
  CHECK(number_of(ticket) == 123'456'789'012);
  CHECK(!is_send(message_ticket(false, 4095, 0)));
  CHECK(peer_of(message_ticket(false, 4095, 0)) == 4095);
  CHECK(!is_message(1'000'000));
}

TEST_CASE("messages keep their numbers while the queue grows, and leave from the front when they are done") {
  MessageFifo fifo;
  std::uint64_t left = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    Message message;
    message.bytes = i;
    CHECK(fifo.push(message) == i);
    if (i % 3 == 2) {
      CHECK(!fifo.is_done(left));
      fifo[left].done = true;
      CHECK(fifo.is_done(left));
      fifo.drop_done();
      CHECK(fifo.first() == ++left);
      CHECK(fifo.is_done(left - 1));
    }
  }
  for (std::uint64_t i = left; i < 100; ++i) CHECK(fifo[i].bytes == i);
  fifo[50].done = true;  // not the first: it stays, but is done
  fifo.drop_done();
  CHECK(fifo.first() == left);
  CHECK(fifo.is_done(50));
  CHECK(!fifo.empty());
}
