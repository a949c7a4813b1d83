// The schedules of all ranks, proven with and without buffers between the ranks.
#pragma once

#include <lockstep/comm/schedule/verify.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lockstep::testing {

/// Elements of a cache line each, so that every cut is possible.
inline detail::CollectivePart part_of(int size, std::uint64_t count) {
  return {.size = size, .count = count, .element = 64};
}

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

/// Elements that a rank sends in all.
inline std::uint64_t elements_sent(const detail::MessageSchedule& schedule) {
  std::uint64_t elements = 0;
  for (const detail::SendMessage& send : schedule.sends()) elements += send.count;
  return elements;
}

/// Calls `each(task)` for numbers of ranks, of elements and sizes of elements, for all roots where there are few ranks,
/// and for buffers that share memory and that do not.
template <class Each>
void for_each_task(detail::Collective collective, bool with_roots, Each each) {
  for (const int size : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 20, 24, 31, 33, 48, 63, 64}) {
    for (const std::uint64_t count : {0u, 1u, 2u, 7u, 16u, 17u, 64u, 100u}) {
      detail::CollectiveTask task;
      task.collective = collective;
      task.part.size = size;
      task.part.count = count;
      if (size > 20 && count > 7 && count != 64) continue;
      for (const std::size_t element : {std::size_t{4}, std::size_t{64}}) {
        task.part.element = element;
        for (int root = 0; root < (with_roots ? size : 1); root += size <= 8 ? 1 : size / 3) {
          task.part.root = root;
          for (const bool aliased : {false, true}) {
            task.aliased = aliased;
            each(static_cast<const detail::CollectiveTask&>(task));
          }
        }
      }
    }
  }
}

}  // namespace lockstep::testing
