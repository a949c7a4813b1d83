#include "proof.hpp"
#include <lockstep/comm/schedule/halving.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

using namespace lockstep::detail;
using lockstep::testing::elements_sent;
using lockstep::testing::part_of;
using lockstep::testing::schedules_of;

TEST_CASE("ranks are blocks of neighbours, and end with different slices") {
  for (const int size : {1, 6, 8, 12, 40, 64}) {
    for (int halvings = 0; halvings <= HalvingLayout::most_halvings(size); ++halvings) {
      std::vector<int> owners(static_cast<std::size_t>(size), 0);
      for (int rank = 0; rank < size; ++rank) {
        CollectivePart part = part_of(size, 1);
        part.rank = rank;
        const HalvingLayout layout(part, halvings);
        CHECK(layout.block * layout.width + layout.position == rank);
        CHECK(layout.blocks * layout.width == size);
        ++owners[static_cast<std::size_t>(layout.final_slice(rank))];
      }
      for (const int owner : owners) CHECK(owner == 1);
    }
  }
  CHECK(HalvingLayout::most_halvings(12) == 2);
  CHECK(HalvingLayout::most_halvings(7) == 0);
}

TEST_CASE("slices of pieces begin where pieces begin") {
  const Slices slices = Slices::of_pieces(part_of(6, 5));
  CHECK(slices.at(6, 4) == 20);
  CHECK(slices.length(2, 1) == 15);
  CHECK(Slices::of_pieces(part_of(6, 0)).at(6, 6) == 0);
}

TEST_CASE("each rank sends all but its slice, whatever the number of halvings") {
  for (const int size : {2, 3, 8, 12, 24}) {
    for (int halvings = 0; halvings <= HalvingLayout::most_halvings(size); ++halvings) {
      const auto count = static_cast<std::uint64_t>(size) * 3;
      for (const auto& schedule :
           schedules_of(part_of(size, count), [=](const CollectivePart&part, MessageSchedule&to) {
             const HalvingLayout layout(part, halvings);
             halving_reduce_scatter(part, layout, Slices::of_vector(part), output_at(0), output_at(0), output_at(0),
                                    to);
           })) {
        CHECK(elements_sent(schedule) == count - 3);
      }
    }
  }
}
