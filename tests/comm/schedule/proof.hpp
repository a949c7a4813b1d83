// The schedules of all ranks, proven with and without buffers between the ranks.
#pragma once

#include <lockstep/comm/schedule/verify.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace lockstep::testing {

template <class Write>
std::vector<detail::MessageSchedule> schedules_of(const detail::CollectivePart& all, Write write) {
  std::vector<detail::MessageSchedule> schedules(static_cast<std::size_t>(all.size));
  for (int rank = 0; rank < all.size; ++rank) {
    detail::CollectivePart part = all;
    part.rank = rank;
    detail::MessageSchedule& schedule = schedules[static_cast<std::size_t>(rank)];
    write(part, schedule);
    schedule.finish();
  }
  return schedules;
}

/// Empty when the schedules that `write(part, schedule)` writes are right, otherwise what is wrong and where.
template <class Write>
std::string proof(const detail::CollectiveTask& task, Write write) {
  const auto schedules = schedules_of(task.part, write);
  for (const detail::Channels channels : {detail::Channels::rendezvous, detail::Channels::unbounded}) {
    const std::string error = detail::verify_schedules(schedules, task, channels);
    if (!error.empty()) {
      return concat(to_string(task.collective), " of ", task.part.count, " elements of ", task.part.element,
                    " bytes on ", task.part.size, " ranks, root ", task.part.root,
                    task.aliased ? ", shared memory" : "", ": ", error);
    }
  }
  return "";
}

inline const int rank_counts[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 20, 24, 31, 33, 48, 63, 64};
inline const std::uint64_t element_counts[] = {0, 1, 2, 7, 16, 17, 64, 100, 257};

}  // namespace lockstep::testing
