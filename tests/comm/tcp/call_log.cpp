#include <lockstep/comm/tcp/call_log.hpp>

#include <doctest/doctest.h>

namespace ls = lockstep;
using ls::detail::CallLog;
using ls::detail::Collective;
using ls::detail::Fingerprint;

namespace {

std::uint64_t all_reduce_of(std::uint64_t count) {
  return Fingerprint{.collective = Collective::all_reduce, .dtype = ls::DType::float32, .count = count}.packed();
}

}  // namespace

TEST_CASE("a rank remembers its last calls by number") {
  CallLog log(2);
  CHECK(log.last().number == 0);
  for (std::uint64_t i = 1; i <= 1000; ++i) log.start(all_reduce_of(i));
  CHECK(log.last().number == 1000);
  CHECK(log.last().fingerprint == all_reduce_of(1000));
  CHECK(log.own(900).fingerprint == all_reduce_of(900));
  CHECK(log.own(100).number == 0);   // too long ago
  CHECK(log.own(1001).number == 0);  // not yet
  CHECK(log.own(0).number == 0);
}

TEST_CASE("peers are known by the last of their calls that was seen") {
  CallLog log(3);
  CHECK(ls::detail::describe_last_call(log, 1) == "before its first collective");
  log.saw(1, {4, all_reduce_of(8)});
  log.saw(1, {3, all_reduce_of(9)});  // an older sign that came later
  CHECK(ls::detail::describe_last_call(log, 1) == "in all_reduce<float32>(8, sum) #4");
  CHECK(log.seen(2).number == 0);
}

TEST_CASE("calls of one number contradict each other when they differ") {
  CallLog log(2);
  log.start(all_reduce_of(8));
  CHECK_FALSE(log.contradicts({1, all_reduce_of(8)}));
  CHECK(log.contradicts({1, all_reduce_of(9)}));
  CHECK_FALSE(log.contradicts({2, all_reduce_of(9)}));  // this rank has not come so far
}

TEST_CASE("a mismatch names both ranks, the lower one first, whoever tells it") {
  const ls::detail::MeshPeer zero{.rank = 0, .process = 10, .host = "a"}, one{.rank = 1, .process = 11, .host = "b"};
  const std::string text = ls::detail::describe_mismatch(one, zero, 17, all_reduce_of(8), all_reduce_of(9));
  CHECK(text ==
        "the ranks disagree about collective #17: rank 0 (host a, pid 10) called all_reduce<float32>(9, sum); rank 1 "
        "(host b, pid 11) called all_reduce<float32>(8, sum); all ranks must make the same calls in the same order");
  CHECK(text == ls::detail::describe_mismatch(zero, one, 17, all_reduce_of(9), all_reduce_of(8)));
}
