// What is and what is not an observer of the backward sweep.
#include <lockstep/autograd/observer.hpp>

#include <doctest/doctest.h>

namespace {

struct OnlyReady {
  void ready(std::int32_t) {}
};

}  // namespace

TEST_CASE("an observer hears both of unused and of ready parameters") {
  static_assert(!lockstep::BackwardObserver<OnlyReady>);
  static_assert(!lockstep::BackwardObserver<int>);
  CHECK(lockstep::BackwardObserver<lockstep::IgnoreReady>);
}
