// The all_reduce that talks to two neighbours only. Its order of combination begins elsewhere for each slice.
#pragma once

#include <lockstep/comm/schedule/collective_part.hpp>
#include <lockstep/comm/schedule/halving.hpp>
#include <lockstep/comm/schedule/schedule.hpp>

namespace lockstep::detail {

/// Not in the canonical order: the bits of an element depend on its place in the vector and on the length.
inline constexpr bool ring_all_reduce_is_canonical = false;

/// Time: 2 (size - 1) alpha + 2 (size - 1)/size N beta + (size - 1)/size N gamma; no scratch.
inline void ring_all_reduce(const CollectivePart& part, MessageSchedule& schedule) {
  const Slices slices = Slices::of_vector(part);
  const int next = part.after(1), previous = part.before(1);
  const auto slice_behind = [&](int distance) { return ((part.rank - distance) % part.size + part.size) % part.size; };
  for (int step = 0; step + 1 < part.size; ++step) {
    schedule.next_step();
    const int given = slice_behind(step), taken = slice_behind(step + 1);
    const Place place = output_at(slices.at(part.size, taken));
    schedule.send(next, output_at(slices.at(part.size, given)), slices.length(part.size, given));
    schedule.receive_combined(previous, OnArrival::as_left, place, place, slices.length(part.size, taken),
                              step + 2 == part.size);
  }
  for (int step = 0; step + 1 < part.size; ++step) {
    schedule.next_step();
    const int given = slice_behind(step - 1), taken = slice_behind(step);
    schedule.send(next, output_at(slices.at(part.size, given)), slices.length(part.size, given));
    schedule.receive(previous, output_at(slices.at(part.size, taken)), slices.length(part.size, taken));
  }
}

}  // namespace lockstep::detail
