#include "recording_engine.hpp"
#include <lockstep/comm/call/collective_engine.hpp>

#include <doctest/doctest.h>

namespace ls = lockstep;

namespace {

struct CannotTest : ls::testing::RecordingEngine {
  void finished(std::uint64_t) {}
};
struct NeverLeaves : ls::testing::RecordingEngine {
  void leave() {}
};

}  // namespace

TEST_CASE("an engine starts, finishes, tests, gives up and leaves") {
  static_assert(ls::detail::CollectiveEngine<ls::testing::RecordingEngine>);
  static_assert(!ls::detail::CollectiveEngine<CannotTest>);
  static_assert(!ls::detail::CollectiveEngine<NeverLeaves>);
  static_assert(!ls::detail::CollectiveEngine<int>);
}
