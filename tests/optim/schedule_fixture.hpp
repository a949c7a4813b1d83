// Compares a schedule with a reference sequence of multipliers, and of momenta where there are any.
#pragma once

#include "../vectors/vectors.hpp"
#include <lockstep/optim/schedule.hpp>

#include <doctest/doctest.h>

namespace schedule_fixture {

template <lockstep::Schedule S>
void check_schedule(const S& schedule, const vectors::Case& reference) {
  CAPTURE(reference.name);
  const auto check = [](const vectors::Array& expected, auto function) {
    std::vector<double> got;
    for (std::size_t step = expected.values.size(); step-- > 0;) {  // backwards: a schedule has no memory
      got.insert(got.begin(), function(static_cast<std::int64_t>(step)));
    }
    CHECK(vectors::difference(got, expected, 1e-12) == "");
  };
  check(reference.output("multiplier"), schedule);
  if constexpr (lockstep::MomentumSchedule<S>) {
    check(reference.output("momentum"), [&](std::int64_t step) { return schedule.momentum(step); });
  }
}

}  // namespace schedule_fixture
