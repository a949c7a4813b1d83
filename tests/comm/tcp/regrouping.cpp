#include <lockstep/comm/tcp/regrouping.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

using namespace lockstep::detail;

namespace {

/// A frame as it arrives over a control connection.
ControlFrame sent(const ControlFrame& frame) {
  std::uint64_t number = 0;
  const auto parsed = parse_control_frame(encode(frame, Digest{}, 0), number);
  REQUIRE(parsed);
  return parsed.value;
}

std::vector<int> ready_ranks(const Regrouping& regrouping, int size) {
  std::vector<int> ranks;
  for (int rank = 0; rank < size; ++rank) {
    if (regrouping.is_ready(rank)) ranks.push_back(rank);
  }
  return ranks;
}

}  // namespace

TEST_CASE("ranks are ready for the round that they have announced, and for no later one") {
  Regrouping zero(3), one(3);
  const ControlFrame ready = zero.begin(0, 5);
  CHECK(ready.kind == ControlKind::ready);
  CHECK(ready.epoch == 5);
  CHECK(zero.is_ready(0));
  CHECK(!zero.is_ready(1));
  one.hear(0, ready);
  one.begin(1, 5);
  CHECK(one.is_ready(0));
  CHECK(one.is_ready(1));
  CHECK(!one.is_ready(2));
  one.begin(1, 5);
  CHECK(one.attempt() == 2);
  CHECK(!one.is_ready(0));
}

TEST_CASE("a place that was told belongs to its round") {
  Regrouping zero(3), two(3);
  zero.begin(0, 5);
  two.begin(2, 5);
  CHECK(two.place().rank == -1);
  two.hear(0, zero.frame_for({1, 2, 6, "10.0.0.1", 4000}, 5));
  CHECK(two.place().rank == 1);
  CHECK(two.place().size == 2);
  CHECK(two.place().epoch == 6);
  CHECK(two.place().host == "10.0.0.1");
  CHECK(two.place().port == 4000);
  two.begin(2, 5);  // that group failed, too
  CHECK(two.place().rank == -1);
  zero.begin(0, 5);
  const ControlFrame early = zero.frame_for({0, 1, 8, "10.0.0.2", 1}, 5);
  Regrouping late(3);
  late.begin(1, 5);
  late.hear(0, early);  // comes before this rank has begun the round
  late.begin(1, 5);
  CHECK(late.place().rank == 0);
}

TEST_CASE("whoever said in this round that it is ready goes on, in every order of the words") {
  constexpr int size = 4;
  for (const int lowest : {0, 1}) {
    std::vector<Regrouping> ranks(size, Regrouping(size));
    std::vector<ControlFrame> words;
    const std::array<int, 3> speakers{3, lowest, 2};
    for (std::size_t i = 0; i < speakers.size(); ++i) {
      const int speaker = speakers[i];
      for (std::size_t earlier = 0; earlier < i; ++earlier) {  // what the others have said before comes before its turn
        ranks[static_cast<std::size_t>(speaker)].hear(speakers[earlier], words[earlier]);
      }
      words.push_back(sent(ranks[static_cast<std::size_t>(speaker)].begin(speaker, 9)));
      for (std::size_t earlier = 0; earlier < i; ++earlier) {
        ranks[static_cast<std::size_t>(speakers[earlier])].hear(speaker, words.back());
      }
    }
    for (const int speaker : speakers) {
      CHECK(ready_ranks(ranks[static_cast<std::size_t>(speaker)], size) == std::vector<int>{lowest, 2, 3});
    }
    NewPlace place{.rank = 0, .size = 3, .epoch = 10, .host = "fe80::1", .port = 65'535};
    for (const int survivor : {2, 3}) {
      ++place.rank;
      Regrouping& rank = ranks[static_cast<std::size_t>(survivor)];
      rank.hear(lowest, sent(ranks[static_cast<std::size_t>(lowest)].frame_for(place, 9)));
      CHECK(rank.place().rank == place.rank);
      CHECK(rank.place().size == 3);
      CHECK(rank.place().epoch == 10);
      CHECK(rank.place().host == "fe80::1");
      CHECK(rank.place().port == 65'535);
    }
  }
}

TEST_CASE("other frames and impossible rounds change nothing") {
  Regrouping rank(2);
  rank.begin(0, 5);
  rank.hear(1, {.kind = ControlKind::heartbeat, .calls = 1});
  rank.hear(1, {.kind = ControlKind::go, .calls = 1});
  rank.hear(1, {.kind = ControlKind::ready, .calls = (std::uint64_t{1} << 32) + 1});
  CHECK_FALSE(rank.is_ready(1));
  CHECK(rank.place().rank == -1);
  rank.hear(1, {.kind = ControlKind::ready, .calls = 1});
  CHECK(rank.is_ready(1));
}

TEST_CASE("the lowest of those that are ready decides when no more can come, or when it is late") {
  const auto anyone = [](int) { return true; };
  const auto not_the_first = [](int rank) { return rank != 0; };
  Regrouping one(4), two(4);
  const ControlFrame said_by_one = one.begin(1, 9), said_by_two = two.begin(2, 9);
  one.hear(2, said_by_two);
  two.hear(1, said_by_one);
  CHECK(one.decide(1, 9, false, anyone).place.rank == -1);         // 0 and 3 may come
  CHECK(one.decide(1, 9, false, not_the_first).place.rank == -1);  // 3 may come
  one.hear(3, {.kind = ControlKind::ready, .calls = 1});
  const Survivors survivors = one.decide(1, 9, false, not_the_first);
  CHECK(survivors.members == std::vector<int>{1, 2, 3});
  CHECK(survivors.place.rank == 0);
  CHECK(survivors.place.size == 3);
  CHECK(survivors.place.epoch == 10);
  CHECK(one.decide(1, 9, true, anyone).members == std::vector<int>{1, 2, 3});  // late: 0 stays out
  CHECK(two.decide(2, 9, true, anyone).place.rank == -1);                      // it is told
  two.hear(1, one.frame_for({.rank = 1, .size = 3, .epoch = 10, .host = "h", .port = 5}, 9));
  CHECK(two.decide(2, 9, false, anyone).place.rank == 1);
  CHECK(two.decide(2, 9, false, anyone).members.empty());

  one.begin(1, 9);  // that group failed, too: who was ready then has to say so again
  CHECK(one.decide(1, 9, true, anyone).members == std::vector<int>{1});
  CHECK(one.decide(1, 9, true, anyone).place.epoch == 11);
  one.hear(3, {.kind = ControlKind::ready, .calls = 2});
  CHECK(one.decide(1, 9, true, [](int) { return false; }).members == std::vector<int>{1});
  CHECK(one.decide(1, 9, true, anyone).members == std::vector<int>{1, 3});
}
