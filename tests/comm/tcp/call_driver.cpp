#include "socket_mesh.hpp"
#include <lockstep/comm/tcp/call_driver.hpp>
#include <lockstep/comm/tcp/trouble_text.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <vector>

namespace ls = lockstep;
using namespace lockstep::detail;

namespace {

struct Pair {
  std::vector<Mesh> meshes = ls::testing::socket_meshes(2);
  Poller zero_poller = Poller::make(), one_poller = Poller::make();
  CollectivePlan plan;
  CallDriver zero{meshes[0], plan, zero_poller}, one{meshes[1], plan, one_poller};

  void run() {
    for (int idle = 0; idle < 100;) {
      for (std::uint64_t number = 0; number < 4; ++number) {
        zero.report(number, EPOLLIN | EPOLLOUT);
        one.report(number, EPOLLIN | EPOLLOUT);
      }
      const bool moved = zero.advance(), other = one.advance();
      idle = moved || other ? 0 : idle + 1;
    }
  }
};

Call sum_of(std::vector<float>& values) {
  Call call;
  call.fingerprint = {.collective = Collective::all_reduce, .dtype = ls::dtype_of<float>, .count = values.size()};
  call.input = call.output = reinterpret_cast<std::byte*>(values.data());
  call.piece = values.size() * sizeof(float);
  call.element = sizeof(float);
  call.reduce = &reduce_slice<float>;
  call.scale = &scale_sums<float>;
  return call;
}

Call message(Collective kind, std::vector<float>& values, int peer) {
  Call call = sum_of(values);
  call.fingerprint.collective = kind;
  call.fingerprint.root = static_cast<std::uint16_t>(peer);
  return call;
}

}  // namespace

TEST_CASE("collectives run in their order, messages beside them") {
  Pair pair;
  std::vector<float> a(10, 1.0f), b(70'000, 2.0f), c(10, 1.0f), d(70'000, 3.0f), sent(5, 7.0f), received(5);
  CHECK(pair.zero.idle());
  const std::uint64_t first = pair.zero.start(sum_of(a)), second = pair.zero.start(sum_of(b));
  const std::uint64_t arriving = pair.zero.start(message(Collective::receive, received, 1));
  CHECK(pair.zero.pending() == 3);
  CHECK(pair.zero.in_collective());
  CHECK(pair.zero.current_call() == "all_reduce<float32>(10, sum) #1");
  CHECK(pair.zero.lags(1));
  CHECK(pair.zero.waits_for(1));
  pair.one.start(message(Collective::send, sent, 0));
  pair.run();
  CHECK(pair.zero.done(arriving));
  CHECK(received == sent);
  CHECK(!pair.zero.done(first));
  pair.one.start(sum_of(c));
  pair.run();
  CHECK(pair.zero.done(first));
  CHECK(!pair.zero.done(second));
  pair.one.start(sum_of(d));
  pair.run();
  CHECK(pair.zero.done(second));
  CHECK(pair.zero.idle());
  CHECK(a == std::vector<float>(10, 2.0f));
  CHECK(b == std::vector<float>(70'000, 5.0f));
  CHECK(pair.zero.events() > 0);
  CHECK(!pair.zero.in_trouble());
}

TEST_CASE("there is room for so many collectives") {
  Pair pair;
  std::vector<float> values(10);
  for (std::size_t i = 0; i < CallDriver::queue_length; ++i) {
    CHECK(pair.zero.has_room());
    pair.zero.start(sum_of(values));
  }
  CHECK(!pair.zero.has_room());
}

TEST_CASE("all room is used again and again, in order") {
  Pair pair;
  std::vector<std::vector<float>> zeros, ones;
  for (int i = 0; i < 200; ++i) {
    zeros.emplace_back(static_cast<std::size_t>(i % 5), static_cast<float>(i));
    ones.emplace_back(static_cast<std::size_t>(i % 5), 1000.0f);
  }
  std::uint64_t last = 0;
  for (std::size_t zero = 0, one = 0; one < ones.size(); pair.run()) {
    while (zero < zeros.size() && pair.zero.has_room()) last = pair.zero.start(sum_of(zeros[zero++]));
    for (int i = 0; i < 7 && one < ones.size(); ++i) pair.one.start(sum_of(ones[one++]));
  }
  CHECK(pair.zero.done(last));
  CHECK(pair.zero.log().last().number == zeros.size());
  for (std::size_t i = 0; i < zeros.size(); ++i) {
    CHECK(zeros[i] == std::vector<float>(i % 5, static_cast<float>(i) + 1000.0f));
    CHECK(ones[i] == zeros[i]);
  }
}

TEST_CASE("what ranks agree on before the first call is not numbered, and has a name in errors") {
  Pair pair;
  std::vector<float> zero(10, 1.0f), one(10, 2.0f);
  pair.zero.number_calls(false);
  pair.one.number_calls(false);
  const std::uint64_t agreed = pair.zero.start(sum_of(zero));
  CHECK(pair.zero.current_call() == "the construction of the communicator");
  pair.one.start(sum_of(one));
  pair.run();
  CHECK(pair.zero.done(agreed));
  CHECK(zero == std::vector<float>(10, 3.0f));
  CHECK(pair.zero.log().last().number == 0);
  pair.zero.number_calls(true);
  pair.one.number_calls(true);
  pair.zero.start(sum_of(zero));
  CHECK(pair.zero.current_call() == "all_reduce<float32>(10, sum) #1");
  pair.one.start(sum_of(one));
  pair.run();
  CHECK(zero == std::vector<float>(10, 6.0f));
}

TEST_CASE("what epoll reports is enough: nothing is looked for where there is no news") {
  constexpr int size = 3, lanes = 2;
  auto meshes = ls::testing::socket_meshes(size, lanes);
  std::list<Poller> pollers;
  std::list<CallDriver> drivers;
  std::vector<std::vector<float>> values, outgoing, incoming;
  std::vector<std::uint64_t> messages;
  Poller all = Poller::make();  // has news when one of the others has
  for (int rank = 0; rank < size; ++rank) {
    values.emplace_back(900'001, static_cast<float>(rank));
    outgoing.emplace_back(300'000, static_cast<float>(10 + rank));
    incoming.emplace_back(300'000);
    pollers.push_back(Poller::make());
    all.add(pollers.back().descriptor(), EPOLLIN, static_cast<std::uint64_t>(rank));
    drivers.emplace_back(meshes[static_cast<std::size_t>(rank)], CollectivePlan{}, pollers.back());
  }
  std::size_t rank = 0;
  for (CallDriver& driver : drivers) {
    driver.start(sum_of(values[rank]));
    driver.start(message(Collective::send, outgoing[rank], static_cast<int>(rank + 1) % size));
    messages.push_back(driver.start(message(Collective::receive, incoming[rank], static_cast<int>(rank + 2) % size)));
    ++rank;
  }
  const auto idle = [](const CallDriver& driver) { return driver.idle(); };
  while (!std::all_of(drivers.begin(), drivers.end(), idle)) {
    Poller::Events events;
    REQUIRE_FALSE(all.wait(events, std::chrono::seconds(20)).empty());
    auto poller = pollers.begin();
    for (CallDriver& driver : drivers) {
      for (const epoll_event& event : (poller++)->wait(events, std::chrono::nanoseconds(0))) {
        driver.report(event.data.u64, event.events);
      }
      driver.advance();
      REQUIRE_FALSE(driver.in_trouble());
    }
  }
  rank = 0;
  for (CallDriver& driver : drivers) {
    CHECK(driver.done(messages[rank]));
    CHECK(values[rank] == std::vector<float>(900'001, 3.0f));
    CHECK(incoming[rank] == outgoing[(rank + 2) % size]);
    ++rank;
  }
}

TEST_CASE("what is cancelled is not touched any more, whatever comes") {
  Pair pair;
  std::vector<float> zero(1'000, 1.0f), one(1'000, 2.0f), received(10, 5.0f), sent(10, 6.0f);
  const std::uint64_t sum = pair.zero.start(sum_of(zero));
  const std::uint64_t arriving = pair.zero.start(message(Collective::receive, received, 1));
  pair.zero.cancel();
  CHECK_FALSE(pair.zero.done(sum));
  CHECK_FALSE(pair.zero.done(arriving));
  CHECK_FALSE(pair.zero.waits_for(1));
  pair.one.start(sum_of(one));
  pair.one.start(message(Collective::send, sent, 0));
  for (std::uint64_t number = 0; number < 4; ++number) pair.one.report(number, EPOLLIN | EPOLLOUT);
  pair.one.advance();
  pair.zero.advance();
  CHECK(zero == std::vector<float>(1'000, 1.0f));
  CHECK(received == std::vector<float>(10, 5.0f));
}

TEST_CASE("trouble is told with what each rank called") {
  Pair pair;
  std::vector<float> a(10), b(20);
  pair.zero.start(sum_of(a));
  pair.one.start(sum_of(b));
  pair.run();
  REQUIRE(pair.zero.in_trouble());
  CHECK(!pair.zero.trouble_is_of_messages());
  CHECK(describe_collective_mismatch(pair.meshes[0], pair.zero.log(), pair.zero.trouble()) ==
        "the ranks disagree about collective #1: rank 0 (host host0, pid 100) called all_reduce<float32>(10, sum); "
        "rank 1 (host host1, pid 101) called all_reduce<float32>(20, sum); all ranks must make the same calls in the "
        "same order");
  pair.zero.cancel();

  Pair other;
  other.zero.start(message(Collective::send, a, 1));
  other.one.start(message(Collective::receive, b, 0));
  other.run();
  REQUIRE(other.one.in_trouble());
  CHECK(other.one.trouble_is_of_messages());
  CHECK(describe_message_mismatch(other.meshes[1], other.one.trouble()) ==
        "message #1 from rank 0 to rank 1: rank 0 (host host0, pid 100) called send<float32>(10, to 1); rank 1 (host "
        "host1, pid 101) called receive<float32>(20, from 0); a message is received with the type and count it was "
        "sent with");
}
