#include <lockstep/comm/host/message_queue.hpp>
#include <lockstep/comm/threads.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

namespace ls = lockstep;
using namespace ls::detail;

namespace {

/// Threads whose memory cannot be reached, so that long messages go through the channel.
struct StagedTransport : ThreadTransport {
  Location locate(const std::byte*, std::size_t) const { return {Location::staged, 0}; }
};

/// A system that has no memory left for channels.
struct FullTransport : ThreadTransport {
  int reserve(std::size_t, std::size_t) const { return ENOSPC; }
};

/// Two ranks in one thread: nothing in a queue waits, so every interleaving can be played by hand.
template <class Transport>
struct TwoRanks {
  ls::Shared<ThreadGroupState> group = ls::Shared<ThreadGroupState>::make(2, ls::ThreadGroupOptions{});
  Member<Transport> first_member{transport(), group->page, 0};
  Member<Transport> second_member{transport(), group->page, 1};
  MessageQueue<Transport> first{first_member};
  MessageQueue<Transport> second{second_member};

  Transport transport() const {
    Transport result;
    result.group = group;
    return result;
  }
};
Call message(Collective collective, int peer, std::vector<std::int32_t>& values) {
  Call call;
  call.fingerprint = {collective, ls::DType::int32, ls::Reduction::sum, static_cast<std::uint16_t>(peer),
                      values.size()};
  auto* bytes = reinterpret_cast<std::byte*>(values.data());
  if (collective == Collective::send) {
    call.input = bytes;
  } else {
    call.output = bytes;
  }
  call.piece = values.size() * sizeof(std::int32_t);
  call.element = sizeof(std::int32_t);
  return call;
}
Call send(int to, std::vector<std::int32_t>& values) { return message(Collective::send, to, values); }
Call receive(int from, std::vector<std::int32_t>& values) { return message(Collective::receive, from, values); }

std::vector<std::int32_t> numbers(std::size_t count, std::int32_t from = 0) {
  std::vector<std::int32_t> values(count);
  std::iota(values.begin(), values.end(), from);
  return values;
}

}  // namespace

TEST_CASE("a short message is sent when the channel has it") {
  TwoRanks<ThreadTransport> ranks;
  auto values = numbers(1024);
  const std::uint64_t ticket = ranks.first.post(send(1, values));
  CHECK(is_message(ticket));
  CHECK(ranks.first.is_done(ticket));
  CHECK(ranks.first.pending() == 0);
  values.assign(values.size(), -1);
  std::vector<std::int32_t> got(1024);
  CHECK(ranks.second.is_done(ranks.second.post(receive(0, got))));
  CHECK(got == numbers(1024));
}

TEST_CASE("a long message is copied from where it lies, and sent when it has been copied") {
  TwoRanks<ThreadTransport> ranks;
  auto values = numbers(100'000), few = numbers(3, 7);
  const std::uint64_t large = ranks.first.post(send(1, values));
  const std::uint64_t small = ranks.first.post(send(1, few));
  CHECK(!ranks.first.is_done(large));
  CHECK(ranks.first.is_done(small));  // not held up by the one before it
  CHECK(ranks.first.waits_for(1));
  CHECK(ranks.first.describe(large) == "send<int32>(100000, to 1)");
  std::vector<std::int32_t> got(100'000), got_few(3);
  CHECK(ranks.second.is_done(ranks.second.post(receive(0, got))));
  CHECK(got == values);
  CHECK(ranks.first.advance());
  CHECK(ranks.first.is_done(large));
  CHECK(!ranks.first.waits_for(1));
  CHECK(ranks.second.is_done(ranks.second.post(receive(0, got_few))));
  CHECK(got_few == few);
}

TEST_CASE("a long message that cannot be reached passes through the channel, chunk by chunk") {
  TwoRanks<StagedTransport> ranks;
  auto values = numbers(100'001), after = numbers(5, 3);
  const std::uint64_t large = ranks.first.post(send(1, values)), small = ranks.first.post(send(1, after));
  std::vector<std::int32_t> got(values.size()), got_after(5);
  const std::uint64_t first = ranks.second.post(receive(0, got)), second = ranks.second.post(receive(0, got_after));
  int rounds = 0;
  while (!ranks.second.is_done(second)) {
    REQUIRE(++rounds < 1000);
    CHECK(ranks.first.advance());
    CHECK(ranks.second.advance());
  }
  CHECK(rounds >= 10);
  CHECK(ranks.second.is_done(first));
  CHECK(ranks.first.is_done(large));
  CHECK(ranks.first.is_done(small));
  CHECK(got == values);
  CHECK(got_after == after);
}

TEST_CASE("a channel holds so many messages, then sends wait for receives, and the order is kept") {
  TwoRanks<ThreadTransport> ranks;
  std::vector<std::vector<std::int32_t>> sent, got;
  std::vector<std::uint64_t> tickets;
  for (std::int32_t i = 0; i < 40; ++i) sent.push_back(numbers(static_cast<std::size_t>(i * 25), i));
  for (auto& values : sent) tickets.push_back(ranks.first.post(send(1, values)));
  CHECK(ranks.first.is_done(tickets.front()));
  CHECK(!ranks.first.is_done(tickets.back()));
  const std::uint64_t pending = ranks.first.pending();
  CHECK(!ranks.first.advance());
  for (auto& values : sent) got.emplace_back(values.size());
  for (auto& values : got) {
    const std::uint64_t ticket = ranks.second.post(receive(0, values));
    ranks.first.advance();
    ranks.second.advance();
    CHECK(ranks.second.is_done(ticket));
  }
  CHECK(pending > 0);
  CHECK(ranks.first.pending() == 0);
  CHECK(got == sent);
}

TEST_CASE("a receive of another type or count is an error that names both calls") {
  TwoRanks<ThreadTransport> ranks;
  auto values = numbers(10);
  std::vector<std::int32_t> got(11);
  ranks.first.post(send(1, values));
  try {
    ranks.second.post(receive(0, got));
    CHECK(false);
  } catch (const ls::CommunicationError& error) {
    CHECK(
        std::string(error.what()) ==
        "threads: message #1 from rank 0 to rank 1 is not the one expected: rank 0 called send<int32>(10, to 1); rank "
        "1 called receive<int32>(11, from 0); a message is received with the type and count it was sent with");
  }
  CHECK(ranks.first_member.failure_seen());
}

TEST_CASE("a shortage of memory for a channel is an error, and the channel is not touched") {
  TwoRanks<FullTransport> ranks;
  auto values = numbers(10), got = values;
  CHECK(!ranks.second.is_done(ranks.second.post(receive(0, got))));
  try {
    ranks.first.post(send(1, values));
    CHECK(false);
  } catch (const ls::CommunicationError& error) {
    CHECK(std::string(error.what())
              .starts_with("threads: rank 0 could not have 32768 bytes of shared memory for messages to rank 1: No "
                           "space left on device;"));
  }
  CHECK(ranks.second_member.failure_seen());
  CHECK(ranks.group->page.rank(0).opened[1].load() == 0);
}
