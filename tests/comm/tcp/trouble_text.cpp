#include "socket_mesh.hpp"
#include <lockstep/comm/tcp/trouble_text.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

namespace ls = lockstep;
using namespace lockstep::detail;

TEST_CASE("a deadline names the ranks that have not come, or else those that are waited for") {
  auto meshes = ls::testing::socket_meshes(3);
  Poller poller = Poller::make();
  CallDriver driver(meshes[0], {}, poller);
  const Call barrier{.fingerprint = {.collective = Collective::barrier}};
  driver.start(barrier);
  driver.advance();
  const LoggedCall first = driver.log().last();
  driver.log().saw(1, first);
  CHECK(describe_deadline(meshes[0], driver, std::chrono::milliseconds(2500)) ==
        "rank 0 waited 2.5 s in barrier() #1 for rank 2 (host host2, pid 102), which is alive but was last seen before "
        "its first collective; if it needs longer between two collectives, raise the communicator's deadline");
  driver.log().saw(2, first);
  const std::string text = describe_deadline(meshes[0], driver, std::chrono::seconds(3));
  CHECK(ls::testing::contains(text, "rank 0 waited 3 s in barrier() #1 for rank "));
  CHECK(ls::testing::contains(text, "which is alive but was last seen in barrier() #1"));
}

TEST_CASE("nonsense, steps and epochs that do not belong are described") {
  auto meshes = ls::testing::socket_meshes(2);
  Connection connection(meshes[0].peers[1].data[0]);
  const ConnectionTrouble trouble{1, Flow::mismatch, &connection};
  const Fingerprint call{.collective = Collective::barrier};
  const auto receive = [&](const DataHeader& sent, const DataHeader& expected) {
    CHECK(meshes[1].peers[0].data[0].write_some(encode(sent)) == static_cast<std::ptrdiff_t>(DataHeader::bytes));
    connection.expect(expected);
    PlaceSink sink;
    CHECK(connection.advance_receiving(sink) == Flow::mismatch);
  };
  CallLog log(2);
  log.start(call.packed());
  log.start(Fingerprint{.collective = Collective::all_reduce, .count = 5}.packed());
  const DataHeader expected{7, 2, call.packed(), 0, 0};
  receive({8, 2, call.packed(), 0, 0}, expected);
  CHECK(ls::testing::contains(describe_collective_mismatch(meshes[0], log, trouble),
                              "(epoch 8, step 0 instead of epoch 7, step 0)"));
  receive({7, 3, call.packed(), 0, 0}, expected);
  CHECK(ls::testing::contains(describe_collective_mismatch(meshes[0], log, trouble),
                              "rank 1 (host host1, pid 101) was in barrier() #3 where rank 0 (host host0, pid 100) was "
                              "in barrier() #2"));
  receive({7, 2, call.packed(), 5, 0}, expected);
  CHECK(ls::testing::contains(describe_collective_mismatch(meshes[0], log, trouble),
                              "the ranks disagree about the counts of barrier() #2"));
  const std::vector<std::byte> garbage(DataHeader::bytes, std::byte{9});
  CHECK(meshes[1].peers[0].data[0].write_some(garbage) == static_cast<std::ptrdiff_t>(garbage.size()));
  connection.expect(expected);
  PlaceSink sink;
  CHECK(connection.advance_receiving(sink) == Flow::malformed);
  CHECK(ls::testing::contains(describe_nonsense(meshes[0], trouble, false),
                              "what came from rank 1 (host host1, pid 101) on a connection for collectives makes no "
                              "sense (this is no header of a collective)"));
}
