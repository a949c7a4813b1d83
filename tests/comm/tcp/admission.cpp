#include "tcp_test.hpp"
#include <lockstep/comm/tcp/admission.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace lockstep::detail;
using namespace lockstep::testing;

namespace {

RankIdentity identity(int rank) {
  RankIdentity result;
  result.rank = rank;
  result.size = 4;
  result.process = 1000 + rank;
  result.host = rank == 1 ? "beta" : "alpha";
  return result;
}

Judgement judge(const RankIdentity& guest, PeerChannel channel = {}, std::uint32_t target = 1) {
  return judge_guest(identity(1), guest, channel, target);
}

}  // namespace

TEST_CASE("a higher rank of the same world is let in") {
  CHECK(judge(identity(2)).refusal.empty());
  CHECK(judge(identity(3), {ChannelKind::messages, 0}).refusal.empty());
  CHECK(judge(identity(3), {ChannelKind::data, 0}).refusal.empty());
}

TEST_CASE("a contradiction names both ranks, what they differ in, and what to do") {
  RankIdentity guest = identity(2);
  guest.version = 7;
  Judgement judgement = judge(guest);
  CHECK(judgement.fatal);
  CHECK(judgement.refusal ==
        "tcp: rank 2 (host alpha, pid 1002) and rank 1 (host beta, pid 1001) were built with different versions of "
        "lockstep: their protocols are 7 and 1; start every rank with the same build");

  guest = identity(2);
  guest.size = 8;
  judgement = judge(guest);
  CHECK(judgement.fatal);
  CHECK(contains(judgement.refusal,
                 "rank 2 (host alpha, pid 1002) and rank 1 (host beta, pid 1001) disagree on the "
                 "number of ranks: 8 and 4"));

  guest = identity(2);
  guest.encrypt = true;
  guest.sockets_per_peer = 3;
  judgement = judge(guest);
  CHECK(judgement.fatal);
  CHECK(contains(judgement.refusal, "encrypt true and false, sockets_per_peer 3 and 1"));

  judgement = judge(identity(1));
  CHECK(judgement.fatal);
  CHECK(contains(judgement.refusal,
                 "two processes came as rank 1: one on host beta (pid 1001) and one on host beta (pid 1001)"));

  guest = identity(5);
  judgement = judge(guest);
  CHECK(judgement.fatal);
  CHECK(contains(judgement.refusal, "rank 5 (host alpha, pid 1005) came to a job of 4 ranks"));

  judgement = judge(identity(2), {}, 0);
  CHECK(judgement.fatal);
  CHECK(contains(judgement.refusal, "the first looked for rank 0"));
}

TEST_CASE("a rank of another epoch is turned away, but the meeting goes on") {
  RankIdentity guest = identity(2);
  guest.epoch = 3;
  const Judgement judgement = judge(guest);
  CHECK_FALSE(judgement.fatal);
  CHECK(contains(judgement.refusal, "their epochs are 3 and 0"));
}

TEST_CASE("connections that no rank makes are refused") {
  CHECK(contains(judge(identity(0)).refusal, "on a connection that neither makes: control 0"));
  CHECK(contains(judge(identity(2), {ChannelKind::control, 1}).refusal, "control 1"));
  CHECK(contains(judge(identity(2), {ChannelKind::data, 1}).refusal, "data 1"));
  CHECK(contains(judge(identity(2), {static_cast<ChannelKind>(9), 0}).refusal, "unknown 0"));
}
