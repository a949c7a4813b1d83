// The reduce_scatter of equal pieces: rank r ends with the combination of everyone's piece r.
#pragma once

#include <lockstep/comm/schedule/collective_part.hpp>
#include <lockstep/comm/schedule/halving.hpp>
#include <lockstep/comm/schedule/schedule.hpp>

namespace lockstep::detail {

/// Time as `halving_reduce_scatter`, N being all pieces. Without halvings pieces go straight from the input to their
/// owners. Halving works on slices of neighbouring elements, so pieces are first copied, in the order in which ranks
/// end with slices; scratch N.
inline void sliced_reduce_scatter(const CollectivePart& part, int halvings, MessageSchedule& schedule) {
  const HalvingLayout layout(part, halvings);
  const Slices slices = Slices::of_pieces(part);
  schedule.next_step();
  if (halvings == 0) {
    halving_reduce_scatter(part, layout, slices, input_at(0), input_at(0), output_at(0), schedule);
    return;
  }
  const Place work = schedule.allocate_scratch(part.pieces(), part.line());
  for (int owner = 0; owner < part.size; ++owner) {
    schedule.copy(input_at(part.piece_at(owner)), work + part.piece_at(layout.final_slice(owner)), part.count);
  }
  halving_reduce_scatter(part, layout, slices, work, work, output_at(0), schedule);
}

}  // namespace lockstep::detail
