#include <lockstep/comm/call/pending_operation.hpp>
#include <lockstep/core/shared.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace ls = lockstep;

namespace {

struct FakeEngine {
  void finish(std::uint64_t number) {
    waited.push_back(number);
    if (broken) throw ls::CommunicationError("broken");
  }
  bool finished(std::uint64_t number) {
    tested.push_back(number);
    return done;
  }
  std::vector<std::uint64_t> waited, tested;
  bool done = false, broken = false;
};

using Pending = ls::detail::PendingOperation<FakeEngine>;

static_assert(std::is_nothrow_move_constructible_v<Pending> && !std::is_copy_constructible_v<Pending>);

}  // namespace

TEST_CASE("each operation is waited for once: by wait, by test, or by the destructor") {
  const auto engine = lockstep::Shared<FakeEngine>::make();
  {
    Pending waited(engine, 1), tested(engine, 2), dropped(engine, 3);
    waited.wait();
    waited.wait();
    CHECK(waited.test());
    CHECK(!tested.test());
    engine->done = true;
    CHECK(tested.test());
    CHECK(tested.test());
  }
  CHECK(engine->waited == std::vector<std::uint64_t>{1, 3});
  CHECK(engine->tested == std::vector<std::uint64_t>{2, 2});
  CHECK(engine.use_count() == 1);
}

TEST_CASE("a moved result belongs to its new owner; assignment waits for the old one") {
  const auto engine = lockstep::Shared<FakeEngine>::make();
  {
    Pending first(engine, 1);
    Pending second = std::move(first);
    CHECK(engine->waited.empty());
    Pending third(engine, 3);
    second = std::move(third);
    CHECK(engine->waited == std::vector<std::uint64_t>{1});
  }
  CHECK(engine->waited == std::vector<std::uint64_t>{1, 3});
}

TEST_CASE("wait throws, the destructor does not") {
  const auto engine = lockstep::Shared<FakeEngine>::make();
  engine->broken = true;
  Pending pending(engine, 1);
  CHECK_THROWS_AS(pending.wait(), ls::CommunicationError);
  { const Pending dropped(engine, 2); }
  CHECK(engine->waited.size() == 2);
}
