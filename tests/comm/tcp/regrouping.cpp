#include <lockstep/comm/tcp/regrouping.hpp>

#include <doctest/doctest.h>

using namespace lockstep::detail;

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
