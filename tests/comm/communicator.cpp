#include <lockstep/comm/communicator.hpp>
#include <lockstep/comm/ring.hpp>
#include <lockstep/comm/single.hpp>
#include <lockstep/comm/threads.hpp>

#include <doctest/doctest.h>

#include <span>

namespace ls = lockstep;

namespace {

// Single with one thing wrong each.
struct WithoutBarrier : ls::Single {
  void barrier() = delete;
};

struct WithLongRank : ls::Single {
  long rank() const { return 0; }
};

struct WithoutBytes : ls::Single {  // no collectives on uint8
  template <class T>
  requires(sizeof(T) > 1) void broadcast(std::span<T> buffer, int root) { Single::broadcast(buffer, root); }
};

struct WithIntegerResult : ls::Single {
  template <class T>
  int all_reduce_async(std::span<T>, ls::Reduction) {
    return 0;
  }
};

struct Copyable : ls::Single {
  Copyable() = default;
  Copyable(const Copyable&) : Single() {}
  Copyable& operator=(const Copyable&) { return *this; }
};

static_assert(ls::Communicator<ls::Single> && ls::Communicator<ls::Threads> && ls::Communicator<ls::Ring>);
static_assert(!ls::Communicator<WithoutBarrier>);
static_assert(!ls::Communicator<WithLongRank>);
static_assert(!ls::Communicator<WithoutBytes>);
static_assert(!ls::Communicator<WithIntegerResult>);
static_assert(!ls::Communicator<Copyable>);
static_assert(!ls::Communicator<int>);
static_assert(ls::PendingResult<ls::Ring::Pending> && ls::PendingResult<ls::Single::Pending>);
static_assert(!ls::PendingResult<int>);

}  // namespace

TEST_CASE("each backend's own concept says what it lacks") {
  CHECK(ls::Communicator<ls::Single>);
  CHECK(!ls::Communicator<WithoutBarrier>);
}
