#include <lockstep/comm/cluster/host_layout.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

namespace ls = lockstep;

namespace {

ls::detail::HostLayout layout_of(const std::vector<int>& sizes) {
  std::vector<std::int32_t> list;
  for (const int size : sizes) {
    for (int rank = 0; rank < size; ++rank) list.insert(list.end(), {rank, size});
  }
  return ls::detail::read_host_layout(list);
}

}  // namespace

TEST_CASE("blocks of equal size are regular, and nest when they are a power of two") {
  const ls::detail::HostLayout four = layout_of({4, 4, 4});
  CHECK(four.regular);
  CHECK(four.nests());
  CHECK(four.hosts == 3);
  CHECK(four.host_of(7) == 1);
  CHECK(four.local_rank_of(7) == 3);
  const ls::detail::HostLayout three = layout_of({3, 3});
  CHECK(three.regular);
  CHECK_FALSE(three.nests());
}

TEST_CASE("unequal hosts and ranks dealt out in turn are irregular") {
  CHECK_FALSE(layout_of({2, 1}).regular);
  CHECK_FALSE(layout_of({1, 2}).regular);
  CHECK_FALSE(layout_of({2, 4, 2}).regular);
  const std::vector<std::int32_t> in_turn{0, 2, 0, 2, 1, 2, 1, 2};
  CHECK_FALSE(ls::detail::read_host_layout(in_turn).regular);
}
