#include <lockstep/core/shared.hpp>
#include <lockstep/core/thread.hpp>

#include <doctest/doctest.h>

#include <array>

using lockstep::Shared;

namespace {

/// Counts its objects; cannot be copied or moved.
struct Counted {
  explicit Counted(int start) : value(start) { ++alive; }
  Counted(const Counted&) = delete;
  ~Counted() { --alive; }

  int value;
  static inline std::atomic<int> alive{0};
};

}  // namespace

TEST_CASE("the last owner destroys the object") {
  {
    auto first = Shared<Counted>::make(3);
    CHECK(first->value == 3);
    CHECK(first.use_count() == 1);
    Shared<Counted> second = first;
    CHECK(second == first);
    CHECK(first.use_count() == 2);
    first = nullptr;
    CHECK_FALSE(first);
    CHECK(first.get() == nullptr);
    CHECK(first.use_count() == 0);
    CHECK(Counted::alive == 1);
    Shared<Counted> third = std::move(second);
    CHECK_FALSE(second);
    third = Shared<Counted>(third);  // with a copy of itself
    CHECK((*third).value == 3);
    CHECK(Counted::alive == 1);
  }
  CHECK(Counted::alive == 0);
}

TEST_CASE("threads may copy and drop their owners at the same time") {
  auto shared = Shared<Counted>::make(1);
  {
    std::array<lockstep::Thread, 4> threads;
    for (auto& thread : threads) {
      thread = lockstep::Thread([copy = shared] {
        for (int i = 0; i < 1000; ++i) {
          const Shared<Counted> another = copy;
          static_cast<void>(another->value);
        }
      });
    }
  }
  CHECK(shared.use_count() == 1);
  CHECK(Counted::alive == 1);
}
