// Barriers, pending results and moves: what happens when.
#pragma once

#include <lockstep/comm/communicator.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/testing/communicator/expect.hpp>
#include <lockstep/testing/communicator/values.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace lockstep::testing {

/// No rank passes a barrier before every rank has come to it. Compares clocks, so the ranks must be on one host.
template <Communicator C>
void check_barrier(C& communicator) {
  const auto now = [] { return static_cast<std::int64_t>(Deadline::Clock::now().time_since_epoch().count()); };
  for (int round = 0; round < 30; ++round) {
    std::int64_t entered = now();
    if (round % 3 == 0) {
      communicator.barrier();
    } else {
      auto pending = communicator.barrier_async();
      const Deadline deadline = Deadline::after(std::chrono::seconds(60));
      while (round % 3 == 1 && !pending.test()) {
        detail::expect(!deadline.passed(), "barrier", communicator, "test() has said false for 60 s");
      }
      pending.wait();
    }
    const std::int64_t left = now();
    communicator.all_reduce(std::span<std::int64_t>(&entered, 1), Reduction::max);
    detail::expect(left >= entered, "barrier", communicator, "it was passed before the last rank had come");
  }
}

/// Many results pending at once, waited for out of order, tested, or dropped; blocking calls come after them.
template <Communicator C>
void check_asynchronous(C& communicator) {
  const char* check = "asynchronous";
  const auto fill = [&](std::span<float> buffer) { detail::fill_small(buffer, communicator.rank()); };
  const auto expected = detail::expected_small<float>(Reduction::sum, communicator.size());
  const auto verify = [&](std::span<float> buffer, const char* when) {
    detail::expect_elements(buffer, expected, check, communicator, "after ", when);
  };
  constexpr std::size_t operations = 100;  // more than any implementation keeps in flight
  typename C::Memory memory = communicator.allocate(operations * operations * 30 * sizeof(float));
  std::vector<std::vector<float>> heaps(operations);
  std::vector<std::span<float>> buffers;
  std::vector<typename C::Pending> pending;
  for (std::size_t i = 0; i < operations; ++i) {
    heaps[i].resize(i * 30);
    buffers.push_back(i % 3 == 2
                          ? std::span<float>(heaps[i])
                          : std::span<float>(reinterpret_cast<float*>(memory.data()) + i * operations * 30, i * 30));
    fill(buffers.back());
    pending.push_back(communicator.all_reduce_async(buffers.back(), Reduction::sum));
    if (i % 7 == static_cast<std::size_t>(communicator.rank())) communicator.progress();
  }
  for (std::size_t i = operations; i-- > 0;) {
    pending[i].wait();
    pending[i].wait();
    verify(buffers[i], "wait");
  }

  std::vector<float> first(5000), second(3), third(70'001);
  fill(first);
  const Deadline deadline = Deadline::after(std::chrono::seconds(60));
  typename C::Pending tested = communicator.all_reduce_async(std::span<float>(first), Reduction::sum);
  while (!tested.test()) {
    detail::expect(!deadline.passed(), check, communicator, "test() has said false for 60 s");
  }
  verify(first, "test");

  fill(first);
  fill(second);
  fill(third);
  {
    typename C::Pending dropped = communicator.all_reduce_async(std::span<float>(third), Reduction::sum);
    typename C::Pending moved = communicator.all_reduce_async(std::span<float>(first), Reduction::sum);
    tested = std::move(moved);
  }
  verify(third, "the destructor");
  communicator.all_reduce(std::span<float>(second));
  verify(second, "a blocking call");
  verify(first, "a blocking call that followed");
  detail::expect(tested.test(), check, communicator, "test() is false though a later call has completed");
  communicator.progress();
}

/// Every collective in its asynchronous form, all of them pending at once.
template <Communicator C>
void check_asynchronous_forms(C& communicator) {
  const int size = communicator.size(), rank = communicator.rank(), last = size - 1;
  const auto ranks = static_cast<std::size_t>(size), own = static_cast<std::size_t>(rank);
  for (const std::size_t count : {std::size_t{0}, std::size_t{3}, std::size_t{600}, std::size_t{40'001}}) {
    detail::on_both_memories<float>(communicator, 10 * ranks * count, [&](std::span<float> memory) {
      std::size_t used = 0;
      const auto take = [&](std::size_t pieces) {
        used += pieces * count;
        return memory.subspan(used - pieces * count, pieces * count);
      };
      const auto reduced = take(1), own_sum = take(1), gathered = take(ranks), ragged = take(ranks - 1),
                 collected = take(ranks), own_piece = take(1), exchanged = take(ranks), news = take(1);
      const std::vector<std::int64_t> counts = [&] {
        std::vector<std::int64_t> result(ranks, static_cast<std::int64_t>(count));
        result.front() = 0;
        return result;
      }();
      std::vector<float> small(count), marks(count), many(ranks * count), sums(count);
      detail::fill_small(reduced, rank);
      detail::fill_small(std::span<float>(small), rank);
      detail::fill_marks(std::span<float>(marks), rank);
      detail::fill_marks(news, rank);
      detail::fill_small(std::span<float>(many), rank);

      auto all_reduce = communicator.all_reduce_async(reduced, Reduction::max);
      auto reduce = communicator.reduce_async(small, std::span<float>(sums), last, Reduction::sum);
      auto reduce_scatter = communicator.reduce_scatter_async(many, own_sum, Reduction::product);
      auto all_gather = communicator.all_gather_async(marks, gathered);
      auto barrier = communicator.barrier_async();
      auto all_gather_ragged = communicator.all_gather_ragged_async(
          std::span<const float>(marks).first(rank == 0 ? 0 : count), ragged, std::span<const std::int64_t>(counts));
      auto gather = communicator.gather_async(marks, collected, last);
      auto scatter = communicator.scatter_async(many, own_piece, last);
      auto all_to_all = communicator.all_to_all_async(many, exchanged);
      auto broadcast = communicator.broadcast_async(news, last);
      communicator.progress();
      broadcast.wait();
      all_to_all.wait();
      scatter.wait();
      gather.wait();
      all_gather_ragged.wait();
      barrier.wait();
      all_gather.wait();
      reduce_scatter.wait();
      reduce.wait();
      all_reduce.wait();

      const auto marked = [](int source) { return [=](std::size_t i) { return detail::mark<float>(source, i); }; };
      const auto values = [](int source, std::size_t first) {
        return [=](std::size_t i) { return detail::small_value<float>(source, first + i); };
      };
      const auto verify = [&](std::span<float> got, const auto& expected, const char* form) {
        detail::expect_elements(got, expected, "asynchronous forms", communicator, form);
      };
      verify(reduced, detail::expected_small<float>(Reduction::max, size), "all_reduce_async");
      if (rank == last) verify(sums, detail::expected_small<float>(Reduction::sum, size), "reduce_async");
      verify(own_sum, detail::expected_small<float>(Reduction::product, size, own * count), "reduce_scatter_async");
      for (int source = 0; source < size; ++source) {
        const std::size_t place = static_cast<std::size_t>(source) * count;
        verify(gathered.subspan(place, count), marked(source), "all_gather_async");
        if (rank == last) verify(collected.subspan(place, count), marked(source), "gather_async");
        verify(exchanged.subspan(place, count), values(source, own * count), "all_to_all_async");
        if (source > 0) verify(ragged.subspan(place - count, count), marked(source), "all_gather_ragged_async");
      }
      verify(own_piece, values(last, own * count), "scatter_async");
      verify(news, marked(last), "broadcast_async");
    });
  }
}

/// A moved communicator goes on working, also while a result is pending.
template <Communicator C>
void check_move(C& communicator) {
  std::vector<float> values(3000, 1.0f);
  typename C::Pending pending = communicator.all_reduce_async(std::span<float>(values), Reduction::sum);
  C moved = std::move(communicator);
  moved.barrier();
  communicator = std::move(moved);
  pending.wait();
  detail::expect(values[2999] == static_cast<float>(communicator.size()), "move", communicator,
                 "a pending result is wrong after the communicator was moved");
}

}  // namespace lockstep::testing
