// split: communicators of some of the ranks, used beside the whole.
#pragma once

#include <lockstep/comm/communicator.hpp>
#include <lockstep/testing/communicator/expect.hpp>
#include <lockstep/testing/communicator/values.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace lockstep::testing {

namespace detail {

/// A part is a communicator of exactly these members, of whom this rank is `identity`.
template <class C>
void check_part(C& part, std::int64_t identity, const std::vector<std::int64_t>& members, const char* what) {
  const char* check = "split";
  expect(part.size() == static_cast<int>(members.size()), check, part, what, ": the part should have ", members.size(),
         " ranks");
  expect(members[static_cast<std::size_t>(part.rank())] == identity, check, part, what, ": rank ", part.rank(),
         " of the part should be rank ", members[static_cast<std::size_t>(part.rank())], " of the whole, not ",
         identity);
  std::vector<std::int64_t> all(members.size());
  part.all_gather(std::span<const std::int64_t>(&identity, 1), std::span<std::int64_t>(all));
  expect(all == members, check, part, what, ": the part has other members, or they are in another order");
  const int last = part.size() - 1;
  for (const std::size_t count : {std::size_t{3}, std::size_t{1000}, std::size_t{50'001}}) {
    on_both_memories<float>(part, count, [&](std::span<float> buffer) {
      fill_small(buffer, part.rank());
      part.all_reduce(buffer);
      expect_elements(buffer, expected_small<float>(Reduction::sum, part.size()), check, part, what, ": all_reduce");
      fill_marks(buffer, part.rank());
      auto pending = part.broadcast_async(buffer, last);
      part.barrier();
      pending.wait();
      expect_elements(
          buffer, [&](std::size_t i) { return mark<float>(last, i); }, check, part, what, ": broadcast");
    });
  }
}

/// The numbers from 0 to size - 1 for which `in_part` is true.
template <class Predicate>
std::vector<std::int64_t> ranks_where(int size, Predicate in_part) {
  std::vector<std::int64_t> result;
  for (int rank = 0; rank < size; ++rank) {
    if (in_part(rank)) result.push_back(rank);
  }
  return result;
}

}  // namespace detail

/// Colors decide who is in a part, keys and then ranks decide the order.
template <Communicator C>
void check_split_members(C& communicator) {
  const int size = communicator.size(), rank = communicator.rank();
  const auto all = detail::ranks_where(size, [](int) { return true; });
  {
    C parity = communicator.split(rank % 2, rank);
    detail::check_part(parity, rank, detail::ranks_where(size, [&](int other) { return other % 2 == rank % 2; }),
                       "by parity");
  }
  {
    C whole = communicator.split(7, 0);
    detail::check_part(whole, rank, all, "all in one, equal keys");
  }
  {
    C reversed = communicator.split(0, -rank);
    detail::check_part(reversed, rank, std::vector<std::int64_t>(all.rbegin(), all.rend()), "reversed keys");
  }
  {
    C alone = communicator.split(size - rank, rank);
    detail::check_part(alone, rank, {rank}, "each alone");
  }
  {
    // Keys 1 0 1 0 1 ...: first the odd ranks, then the even ones.
    C sorted = communicator.split(1'000'000, 1 - rank % 2);
    auto members = detail::ranks_where(size, [](int other) { return other % 2 == 1; });
    for (int other = 0; other < size; other += 2) members.push_back(other);
    detail::check_part(sorted, rank, members, "alternating keys");
  }
}

/// Parts of parts; the whole and its parts in turn, and pending at the same time; memory of one in the other; the whole
/// goes on when parts have ended, and parts when the one they were made from has.
template <Communicator C>
void check_split_independence(C& communicator) {
  const char* check = "split";
  const int size = communicator.size(), rank = communicator.rank();
  const auto in_half = [&](int other) { return (other < size / 2) == (rank < size / 2); };
  const auto in_quarter = [&](int other) { return in_half(other) && other % 2 == rank % 2; };
  C half = communicator.split(rank < size / 2 ? 3 : 1, rank);
  C quarter = half.split(rank % 2, half.rank());

  typename C::Memory memory = communicator.allocate(30'000 * sizeof(float));
  const std::span<float> of_whole(reinterpret_cast<float*>(memory.data()), 30'000);
  std::vector<float> heap(20'000);
  const auto verify = [&](std::span<float> buffer, const C& part, const char* what) {
    detail::expect_elements(buffer, detail::expected_small<float>(Reduction::sum, part.size()), check, communicator,
                            what);
  };
  for (int round = 0; round < 5; ++round) {
    detail::fill_small(of_whole, half.rank());
    half.all_reduce(of_whole);
    verify(of_whole, half, "the half, in turn, on the whole's memory");
    detail::fill_small(of_whole, rank);
    detail::fill_small(std::span<float>(heap), quarter.rank());
    auto first = communicator.all_reduce_async(of_whole, Reduction::sum);
    auto second = quarter.all_reduce_async(std::span<float>(heap), Reduction::sum);
    half.barrier();
    second.wait();
    first.wait();
    verify(of_whole, communicator, "the whole, in turn");
    verify(heap, quarter, "the quarter, in turn");
  }
  detail::check_part(quarter, rank, detail::ranks_where(size, in_quarter), "a part of a part");
  { [[maybe_unused]] const C ended = std::move(half); }
  detail::check_part(quarter, rank, detail::ranks_where(size, in_quarter), "a part of a part that has ended");
  if (rank % 2 == 0) {  // these parts end at once, the others go on
    [[maybe_unused]] const C ended = std::move(quarter);
  } else {
    detail::check_part(quarter, rank, detail::ranks_where(size, in_quarter), "a part, when others have ended");
  }
  communicator.barrier();
  detail::fill_small(of_whole, rank);
  communicator.all_reduce(of_whole);
  verify(of_whole, communicator, "the whole, when parts have ended");
}

/// Messages inside a part do not meet those of the whole between the same ranks.
template <Communicator C>
void check_split_messages(C& communicator) {
  const int size = communicator.size(), rank = communicator.rank();
  if (size == 1) return;
  C reversed = communicator.split(0, -rank);
  const int right = (rank + 1) % size, left = (rank + size - 1) % size;
  const auto in_part = [&](int other) { return size - 1 - other; };
  std::vector<float> input(500), input_in_part(500), output(500), output_in_part(500);
  detail::fill_marks(std::span<float>(input), 2 * rank);
  detail::fill_marks(std::span<float>(input_in_part), 2 * rank + 1);
  auto sent = communicator.send_async(std::span<const float>(input), right);
  auto sent_in_part = reversed.send_async(std::span<const float>(input_in_part), in_part(right));
  reversed.receive(std::span<float>(output_in_part), in_part(left));
  communicator.receive(std::span<float>(output), left);
  sent.wait();
  sent_in_part.wait();
  const auto verify = [&](std::span<float> got, int source, const char* where) {
    detail::expect_elements(
        got, [&](std::size_t i) { return detail::mark<float>(source, i); }, "split", communicator, where);
  };
  verify(output, 2 * left, "a message of the whole");
  verify(output_in_part, 2 * left + 1, "a message inside a part");
}

}  // namespace lockstep::testing
