#include "socket_mesh.hpp"
#include <lockstep/comm/call/engine_communicator.hpp>
#include <lockstep/comm/tcp/tcp_setup.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ls = lockstep;
using namespace lockstep::detail;
using ls::testing::contains;

namespace {

using Answers = std::vector<std::string>;

/// A communicator over sockets of this process.
struct Ranks : EngineCommunicator<TcpEngine> {
  Ranks(Mesh mesh, const ls::TcpOptions& options)
      : EngineCommunicator(make_tcp_engine(std::move(mesh), options, true)) {}
  using EngineCommunicator::engine;
};

/// Runs `function(communicator)` on a thread for every rank.
template <class Function>
Answers on_ranks(int size, Function function) {
  auto meshes = ls::testing::socket_meshes(size);
  return ls::testing::on_threads(size, [&](int rank) {
    ls::TcpOptions options;
    options.rank = rank;
    options.size = size;
    options.epoch = 7;
    options.job_id = "test of setups";
    options.connect_deadline = std::chrono::seconds(30);
    Ranks ranks(std::move(meshes[static_cast<std::size_t>(rank)]), options);
    return std::string(function(ranks));
  });
}

std::string describe_mesh(const Mesh& mesh) {
  std::string text = ls::concat(mesh.rank, " of ", mesh.size, ", epoch ", mesh.epoch);
  for (const MeshPeer& peer : mesh.peers) {
    if (peer.rank != mesh.rank && (!peer.control || !peer.messages || peer.data.empty())) text += ", unconnected";
  }
  return text;
}

}  // namespace

TEST_CASE("the address of a rank is taken from where it listened") {
  auto meshes = ls::testing::socket_meshes(2);
  CHECK(own_host(meshes[1]) == "127.0.0.1");
  meshes[1].peers[1].address = "[fe80::1]:4000";
  CHECK(own_host(meshes[1]) == "fe80::1");
  meshes[1].peers[1].address = "";
  CHECK(own_host(meshes[1]) == "127.0.0.1");
}

TEST_CASE("ranks of a host are counted by its name") {
  auto meshes = ls::testing::socket_meshes(3);
  CHECK(ranks_here(meshes[0]) == 1);
  meshes[0].peers[2].host = "host0";
  CHECK(ranks_here(meshes[0]) == 2);
  CHECK(usable_processors() >= 1);
}

TEST_CASE("all ranks learn which is the first without memory") {
  const Answers answers = on_ranks(3, [](Ranks& ranks) {
    const int nobody = agree_on_memory(ranks.engine(), 100, 0);
    const int first = agree_on_memory(ranks.engine(), 200, ranks.rank() > 0 ? 1 : 0);
    const int last = agree_on_memory(ranks.engine(), 300, ranks.rank() == 2 ? 1 : 0);
    return ls::concat(nobody, " ", first, " ", last);
  });
  for (const std::string& answer : answers) CHECK(answer == "-1 1 2");
}

TEST_CASE("the ranks of each part meet, in the order of the plan") {
  const Answers answers = on_ranks(4, [](Ranks& ranks) {
    const SplitPlan plan = exchange_split(ranks, ranks.rank() == 1 ? 1 : 0, -ranks.rank());
    ls::TcpOptions part = ranks.engine().options();
    part.rank = plan.rank;
    part.size = plan.size();
    part.job_id += ls::concat("/part ", ranks.rank() == 1 ? 1 : 0);
    return describe_mesh(meet_part(ranks, ranks.engine().mesh(), plan, part));
  });
  CHECK(answers == Answers{"2 of 3, epoch 7", "0 of 1, epoch 7", "1 of 3, epoch 7", "0 of 3, epoch 7"});
}

TEST_CASE("a part whose first rank cannot listen is told, and the other parts meet") {
  const Answers answers = on_ranks(4, [](Ranks& ranks) {
    const int color = ranks.rank() / 2;
    const SplitPlan plan = exchange_split(ranks, color, 0);
    ls::TcpOptions part = ranks.engine().options();
    part.rank = plan.rank;
    part.size = plan.size();
    part.job_id += ls::concat("/part ", color);
    if (ranks.rank() == 0) part.bind_address = "192.0.2.1";  // no address of this host, and no secret for it
    std::string text;
    try {
      text = describe_mesh(meet_part(ranks, ranks.engine().mesh(), plan, part));
    } catch (const ls::Error& error) {
      text = error.what();
    }
    ranks.barrier();  // works as before
    return text;
  });
  CHECK(contains(answers[0], "192.0.2.1"));
  CHECK(answers[1] ==
        "tcp: rank 0 (host host0, pid 100), the first rank of this part, could not listen for the others");
  CHECK(answers[2] == "0 of 2, epoch 7");
  CHECK(answers[3] == "1 of 2, epoch 7");
}

TEST_CASE("those who are left after a failure meet with new numbers, in a new epoch") {
  for (const int victim : {0, 1, 2}) {
    const Answers answers = on_ranks(3, [&](Ranks& ranks) {
      ranks.barrier();  // all are constructed
      if (ranks.rank() == victim) {
        ranks.barrier();  // all are there
        ranks.engine().abandon("gave up");
        return std::string("left");
      }
      std::string told;
      try {
        for (;;) ranks.barrier();
      } catch (const ls::CommunicationError& error) {
        told = error.what();
      }
      if (!contains(told, "gave up")) return told;
      ls::TcpOptions options = ranks.engine().options();
      const Mesh mesh = meet_survivors(ranks.engine(), options);
      if (options.rank != mesh.rank || options.size != mesh.size || options.epoch != mesh.epoch) return std::string();
      return describe_mesh(mesh);
    });
    int next = 0;
    for (int rank = 0; rank < 3; ++rank) {
      const std::string expected = rank == victim ? "left" : ls::concat(next++, " of 2, epoch 8");
      CHECK(answers[static_cast<std::size_t>(rank)] == expected);
    }
  }
}

TEST_CASE("links between hosts are taken for slower than those within one") {
  auto meshes = ls::testing::socket_meshes(2);
  for (auto& peer : meshes[0].peers) peer.host = "host0";
  CHECK(round_trip(meshes[0]) == 0);
  CHECK(link_model(0).alpha_nanoseconds == LinkModel{}.alpha_nanoseconds);
  CHECK(link_model(40'000'000).alpha_nanoseconds == LinkModel{}.alpha_nanoseconds + 20'000'000);
  CHECK(link_model(1).beta_picoseconds_per_byte > LinkModel{}.beta_picoseconds_per_byte);
}
