#include <lockstep/accelerator/split.hpp>

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

using lockstep::detail::split;

namespace {

/// A case of Accelerate's split_between_processes.
struct Case {
  int length, world_size;
  bool padding;
  std::vector<std::vector<int>> expected;
};

}  // namespace

TEST_CASE("lists are split as Accelerate splits them") {
  const std::vector<Case> cases = {
      {3, 2, false, {{0, 1}, {2}}},
      {3, 2, true, {{0, 1}, {2, 2}}},
      {4, 2, false, {{0, 1}, {2, 3}}},
      {17, 2, true, {{0, 1, 2, 3, 4, 5, 6, 7, 8}, {9, 10, 11, 12, 13, 14, 15, 16, 16}}},
      {17, 4, false, {{0, 1, 2, 3, 4}, {5, 6, 7, 8}, {9, 10, 11, 12}, {13, 14, 15, 16}}},
      {17, 4, true, {{0, 1, 2, 3, 4}, {5, 6, 7, 8, 16}, {9, 10, 11, 12, 16}, {13, 14, 15, 16, 16}}},
      {2, 4, false, {{0}, {1}, {}, {}}},
      {2, 4, true, {{0}, {1}, {1}, {1}}},
      {1, 4, false, {{0}, {}, {}, {}}},
      {7, 4, true, {{0, 1}, {2, 3}, {4, 5}, {6, 6}}},
      {8, 4, false, {{0, 1}, {2, 3}, {4, 5}, {6, 7}}},
      {8, 4, true, {{0, 1}, {2, 3}, {4, 5}, {6, 7}}},
      {0, 2, true, {{}, {}}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.length);
    CAPTURE(c.world_size);
    CAPTURE(c.padding);
    std::vector<int> list(static_cast<std::size_t>(c.length));
    std::iota(list.begin(), list.end(), 0);
    for (int rank = 0; rank < c.world_size; ++rank) {
      CHECK(split(std::span<const int>(list), rank, c.world_size, c.padding) ==
            c.expected[static_cast<std::size_t>(rank)]);
    }
  }
}
