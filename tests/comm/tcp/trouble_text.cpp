#include "socket_mesh.hpp"
#include <lockstep/comm/tcp/trouble_text.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ls = lockstep;
using namespace lockstep::detail;

namespace {

constexpr Fingerprint barrier{.collective = Collective::barrier};
constexpr Fingerprint sum{.collective = Collective::all_reduce, .dtype = ls::DType::float32, .count = 8};
constexpr Fingerprint gathering{.collective = Collective::all_gather_ragged, .dtype = ls::DType::int32, .count = 5};

/// Rank 0's connection to rank 1, on which rank 1 says one thing where rank 0 expects another.
struct Said {
  Said(const DataHeader& said, const DataHeader& expected) : Said(encode(said), expected) {}
  Said(std::span<const std::byte> bytes, const DataHeader& expected) {
    REQUIRE(meshes[1].peers[0].data[0].write_some(bytes) == static_cast<std::ptrdiff_t>(bytes.size()));
    connection.expect(expected);
    PlaceSink sink;
    trouble.flow = connection.advance_receiving(sink);
    REQUIRE(is_trouble(trouble.flow));
  }

  std::vector<Mesh> meshes = ls::testing::socket_meshes(2);
  Connection connection{meshes[0].peers[1].data[0]};
  ConnectionTrouble trouble{1, Flow::idle, &connection};
};

std::string collective_text(const DataHeader& said, const DataHeader& expected, const CallLog& log = CallLog(2)) {
  const Said result(said, expected);
  CHECK(result.trouble.flow == Flow::mismatch);
  return describe_collective_mismatch(result.meshes[0], log, result.trouble);
}

}  // namespace

TEST_CASE("other calls of the same number are told with both ranks") {
  CHECK(collective_text({7, 2, barrier.packed(), 0, 0}, {7, 2, sum.packed(), 32, 0}) ==
        "the ranks disagree about collective #2: rank 0 (host host0, pid 100) called all_reduce<float32>(8, sum); rank "
        "1 (host host1, pid 101) called barrier(); all ranks must make the same calls in the same order");
}

TEST_CASE("other counts of the same call are told as such") {
  CHECK(collective_text({7, 2, gathering.packed(), 8, 0}, {7, 2, gathering.packed(), 12, 0}) ==
        "the ranks disagree about the counts of all_gather_ragged<int32>(5) #2: rank 1 (host host1, pid 101) was given "
        "other counts than rank 0 (host host0, pid 100)");
}

TEST_CASE("a rank ahead or behind is told with the call that parted them, where it is known") {
  const DataHeader said{7, 1, sum.packed(), 32, 0}, expected{7, 2, barrier.packed(), 0, 0};
  CHECK(collective_text(said, expected) ==
        "the ranks disagree about the order of their calls: rank 1 (host host1, pid 101) was in all_reduce<float32>(8, "
        "sum) #1 where rank 0 (host host0, pid 100) was in barrier() #2; all ranks must make the same calls in the "
        "same order");
  CallLog log(2);
  log.start(gathering.packed());  // what rank 0 called as its first
  log.start(barrier.packed());
  CHECK(collective_text(said, expected, log) ==
        "the ranks disagree about collective #1: rank 0 (host host0, pid 100) called all_gather_ragged<int32>(5); rank "
        "1 (host host1, pid 101) called all_reduce<float32>(8, sum); all ranks must make the same calls in the same "
        "order");
}

TEST_CASE("a message of another communicator or step is told with both") {
  CHECK(collective_text({8, 2, barrier.packed(), 0, 3}, {7, 2, barrier.packed(), 0, 1}) ==
        "what rank 1 (host host1, pid 101) sent does not belong to barrier() #2 of rank 0 (host host0, pid 100) (epoch "
        "8, step 3 instead of epoch 7, step 1); do all ranks run the same version of the program?");
}

TEST_CASE("messages are told as they were sent and received") {
  const Fingerprint sent{.collective = Collective::send, .dtype = ls::DType::float32, .count = 4};
  const Fingerprint wanted{.collective = Collective::send, .dtype = ls::DType::float64, .count = 4};
  const Said said({7, 2, sent.packed(), 16, 0}, {7, 2, wanted.packed(), 32, 0});
  CHECK(describe_message_mismatch(said.meshes[0], said.trouble) ==
        "message #3 from rank 1 to rank 0: rank 1 (host host1, pid 101) called send<float32>(4, to 0); rank 0 (host "
        "host0, pid 100) called receive<float64>(4, from 1); a message is received with the type and count it was "
        "sent with");
}

TEST_CASE("nonsense is told with the kind of the connection") {
  const std::vector<std::byte> garbage(DataHeader::bytes, std::byte{9});
  const Said said(garbage, {7, 2, barrier.packed(), 0, 0});
  CHECK(said.trouble.flow == Flow::malformed);
  CHECK(describe_nonsense(said.meshes[0], said.trouble, false) ==
        "what came from rank 1 (host host1, pid 101) on a connection for collectives makes no sense (this is no header "
        "of a collective); something between the ranks changes what they send");
  CHECK(describe_nonsense(said.meshes[0], said.trouble, true) ==
        "what came from rank 1 (host host1, pid 101) on a connection for messages makes no sense (this is no header of "
        "a collective); something between the ranks changes what they send");
}

TEST_CASE("a deadline names the ranks that have not come, or else those that are waited for") {
  auto meshes = ls::testing::socket_meshes(3);
  Poller poller = Poller::make();
  CallDriver driver(meshes[0], {}, poller);
  const std::string advice = "; if it needs longer between two collectives, raise the communicator's deadline";
  const Call call{.fingerprint = barrier};
  driver.start(call);
  driver.advance();
  const LoggedCall first = driver.log().last();
  CHECK(describe_deadline(meshes[0], driver, std::chrono::milliseconds(2500)) ==
        "rank 0 waited 2.5 s in barrier() #1 for rank 1 (host host1, pid 101), which is alive but was last seen before "
        "its first collective, and for rank 2 (host host2, pid 102), which is alive but was last seen before its first "
        "collective" +
            advice);
  driver.log().saw(1, first);
  CHECK(describe_deadline(meshes[0], driver, std::chrono::milliseconds(1)) ==
        "rank 0 waited 0.001 s in barrier() #1 for rank 2 (host host2, pid 102), which is alive but was last seen "
        "before its first collective" +
            advice);
  driver.log().saw(2, first);
  REQUIRE(driver.waits_for(2));  // rank 0 hears of rank 2 first, and tells rank 1
  CHECK(describe_deadline(meshes[0], driver, std::chrono::seconds(60)) ==
        "rank 0 waited 60 s in barrier() #1 for rank 2 (host host2, pid 102), which is alive but was last seen in "
        "barrier() #1" +
            advice);
}

TEST_CASE("a deadline names four ranks at most, and a message's peer") {
  auto meshes = ls::testing::socket_meshes(8);
  Poller poller = Poller::make();
  CallDriver driver(meshes[7], {}, poller);
  std::vector<float> values(3);
  Call message;
  message.fingerprint = {
      .collective = Collective::receive, .dtype = ls::DType::float32, .root = 5, .count = values.size()};
  message.output = reinterpret_cast<std::byte*>(values.data());
  message.piece = values.size() * sizeof(float);
  driver.start(message);
  CHECK(describe_deadline(meshes[7], driver, std::chrono::seconds(1)) ==
        "rank 7 waited 1 s in receive<float32>(3, from 5) for rank 5 (host host5, pid 105), which is alive but was "
        "last seen before its first collective; if it needs longer between two collectives, raise the communicator's "
        "deadline");
  const Call call{.fingerprint = barrier};
  driver.start(call);
  const std::string text = describe_deadline(meshes[7], driver, std::chrono::seconds(1));
  CHECK(ls::testing::contains(text, "rank 7 waited 1 s in barrier() #1 for rank 0 (host host0, pid 100), which"));
  CHECK(ls::testing::contains(text, "and for rank 3 (host host3, pid 103), which"));
  CHECK_FALSE(ls::testing::contains(text, "rank 4"));
}

TEST_CASE("durations are told in seconds, to the millisecond") {
  CHECK(seconds_of(std::chrono::milliseconds(1250)) == 1.25);
  CHECK(seconds_of(std::chrono::minutes(2)) == 120.0);
}
