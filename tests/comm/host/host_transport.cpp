#include <lockstep/comm/host/host_transport.hpp>
#include <lockstep/comm/ring.hpp>
#include <lockstep/comm/threads.hpp>

#include <doctest/doctest.h>

namespace ls = lockstep;
using namespace ls::detail;

namespace {

struct WithoutReach {
  static constexpr const char* name = "x";
  static constexpr ls::FutexScope scope = ls::FutexScope::process;
  Location locate(const std::byte*, std::size_t) const { return {}; }
  bool is_owner() const { return true; }
  int reserve(std::size_t, std::size_t) const { return 0; }
  bool is_dead(int) const { return false; }
  int find_dead(const ControlPage&) const { return -1; }
};

static_assert(HostTransport<ThreadTransport> && HostTransport<RingTransport>);
static_assert(!HostTransport<WithoutReach> && !HostTransport<int>);

}  // namespace

TEST_CASE("threads reach every address, processes what they have allocated together") {
  std::byte byte{};
  const ThreadTransport threads{};
  CHECK(threads.reach(1, threads.locate(&byte, 1), 1) == &byte);
  RingTransport ring(0, {});
  CHECK(ring.locate(&byte, 1).space == Location::staged);
  CHECK(ring.reach(1, {3, 0}, 1) == nullptr);
  std::byte part[2][4096];
  ring.arenas()->add({3, part[0], sizeof part[0], part[0]});
  CHECK(ring.locate(part[0] + 100, 10).space == 3);
  CHECK(ring.reach(1, ring.locate(part[0] + 100, 10), 10) == part[1] + 100);
  CHECK(ring.reach(1, {3, 4090}, 10) == nullptr);  // an offset from a peer never leads outside its part
  CHECK(ring.reach(1, {3, ~std::uint64_t{0}}, 10) == nullptr);
}
