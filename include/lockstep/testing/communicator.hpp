// The conformance suite of communicators: what a backend of your own must do to work with everything in this library.
// Call it from every rank, for worlds of 1, 2, 3, 4 and 5 ranks on one host:
//
//     MyCommunicator communicator = ...;
//     lockstep::testing::check_communicator(communicator);
#pragma once

#include <lockstep/comm/communicator.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/dtype.hpp>
#include <lockstep/core/error.hpp>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace lockstep::testing {

namespace detail {

/// Throws an Error that names the check, the rank and the world.
template <class C, class... Parts>
void expect(bool condition, const char* check, const C& communicator, const Parts&... what) {
  if (condition) return;
  throw Error(concat("communicator check '", check, "' failed on rank ", communicator.rank(), " of ",
                     communicator.size(), ": ", what...));
}

template <class Function>
void for_each_element_type(Function function) {
  function(float{});
  function(double{});
  function(std::int32_t{});
  function(std::int64_t{});
  function(std::uint8_t{});
}

/// Around every boundary at which an implementation may change its ways, and some odd numbers between.
inline constexpr std::size_t lengths[] = {0,  1,  2,  3,  5,   6,   7,   11,   12,   13,    16,
                                          17, 63, 64, 65, 255, 511, 513, 1000, 4099, 20'011};

/// 1, 2 or 3: any order of summing or multiplying five of them is exact in every element type.
template <class T>
T small_value(int rank, std::size_t index) {
  return static_cast<T>(1 + (static_cast<std::size_t>(rank) * 7 + index * 5 + index / 3) % 3);
}

/// A fraction in [-1, 1) with all bits of a float in use, so that the order of summing shows.
inline float fraction(int rank, std::size_t index) {
  std::uint64_t bits = (static_cast<std::uint64_t>(rank) << 40 | index) + 0x9e3779b97f4a7c15U;
  bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9U;
  bits = (bits ^ bits >> 27) * 0x94d049bb133111ebU;
  return static_cast<float>(static_cast<std::int32_t>((bits ^ bits >> 31) >> 32)) * 0x1p-31f;
}

template <class T>
T combine(Reduction reduction, T a, T b) {
  if (a != a || b != b) return a != a ? a : b;
  switch (reduction) {
    case Reduction::min:
      return std::min(a, b);
    case Reduction::max:
      return std::max(a, b);
    case Reduction::product:
      return static_cast<T>(a * b);
    default:
      return static_cast<T>(a + b);
  }
}

/// The reduction of `small_value`, in rank order.
template <class T>
T expected_value(Reduction reduction, int size, std::size_t index) {
  T result = small_value<T>(0, index);
  for (int rank = 1; rank < size; ++rank) result = combine(reduction, result, small_value<T>(rank, index));
  return reduction == Reduction::mean ? static_cast<T>(result / static_cast<T>(size)) : result;
}

template <class T>
bool same(T got, T expected) {
  if constexpr (std::is_floating_point_v<T>) {  // the mean may be a quotient or a product with the reciprocal
    return std::abs(got - expected) <= 4 * std::numeric_limits<T>::epsilon() * std::abs(expected);
  } else {
    return got == expected;
  }
}

/// Runs `function(span)` on a buffer from allocate() at an odd offset, and on one from the heap.
template <class T, class C, class Function>
void on_both_memories(C& communicator, std::size_t count, Function function) {
  typename C::Memory memory = communicator.allocate((count + 3) * sizeof(T));
  function(std::span<T>(reinterpret_cast<T*>(memory.data()) + 3, count));
  std::vector<T> heap(count + 1);
  function(std::span<T>(heap).subspan(1));
}

template <class C, class Function>
void expect_argument_error(const C& communicator, const char* what, Function function) {
  try {
    function();
  } catch (const ArgumentError&) {
    return;
  }
  expect(false, "arguments", communicator, what, " was accepted; ArgumentError was expected");
}

/// All ranks hold the same bits.
template <class C>
void expect_same_bits(C& communicator, const char* check, std::span<const float> values) {
  const auto size = static_cast<std::size_t>(communicator.size());
  std::vector<float> all(values.size() * size);
  communicator.all_gather(values, std::span<float>(all));
  for (std::size_t rank = 0; rank < size && !values.empty(); ++rank) {
    expect(std::memcmp(all.data() + rank * values.size(), values.data(), values.size_bytes()) == 0, check, communicator,
           "rank ", rank, " has other bits for a result of ", values.size(), " elements");
  }
}

}  // namespace detail

/// Rank and size make sense; memory is aligned, zero-filled, writable and of the size asked for.
template <Communicator C>
void check_allocate(C& communicator) {
  const char* check = "allocate";
  detail::expect(communicator.size() >= 1 && communicator.rank() >= 0 && communicator.rank() < communicator.size(),
                 check, communicator, "rank is not inside the world");
  for (const std::size_t bytes :
       {std::size_t{0}, std::size_t{1}, std::size_t{64}, std::size_t{5000}, std::size_t{3} << 20}) {
    typename C::Memory memory = communicator.allocate(bytes);
    detail::expect(memory.size() == bytes, check, communicator, "asked for ", bytes, " bytes, got ", memory.size());
    detail::expect(std::bit_cast<std::uintptr_t>(memory.data()) % 64 == 0, check, communicator, bytes,
                   " bytes are not on a 64-byte boundary");
    std::byte* data = memory.data();
    detail::expect(std::all_of(data, data + bytes, [](std::byte value) { return value == std::byte{0}; }), check,
                   communicator, bytes, " bytes are not zero-filled");
    std::fill_n(data, bytes, std::byte{0xa5});
    typename C::Memory moved = std::move(memory);
    detail::expect(moved.data() == data && moved.size() == bytes, check, communicator,
                   "memory changed when it was moved");
  }
}

/// Every element type, reduction and length, in both kinds of memory; nothing outside the buffer is touched.
template <Communicator C>
void check_all_reduce(C& communicator) {
  const char* check = "all_reduce";
  detail::for_each_element_type([&]<class T>(T) {
    for (const Reduction reduction :
         {Reduction::sum, Reduction::mean, Reduction::min, Reduction::max, Reduction::product}) {
      if (std::is_integral_v<T> && reduction == Reduction::mean) continue;
      for (const std::size_t count : detail::lengths) {
        detail::on_both_memories<T>(communicator, count, [&](std::span<T> buffer) {
          for (std::size_t i = 0; i < count; ++i) buffer[i] = detail::small_value<T>(communicator.rank(), i);
          communicator.all_reduce(buffer, reduction);
          for (std::size_t i = 0; i < count; ++i) {
            detail::expect(detail::same(buffer[i], detail::expected_value<T>(reduction, communicator.size(), i)), check,
                           communicator, "element ", i, " of ", count, " (", dtype_of<T>, ", ", reduction, ") is ",
                           +buffer[i], ", expected ", +detail::expected_value<T>(reduction, communicator.size(), i));
          }
        });
      }
    }
  });
  std::vector<float> values(10'007);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = detail::fraction(communicator.rank(), i);
  communicator.all_reduce(std::span<float>(values));
  detail::expect_same_bits(communicator, check, values);
}

/// NaN and infinity of one rank arrive at all ranks.
template <Communicator C>
void check_special_values(C& communicator) {
  const char* check = "special values";
  const int last = communicator.size() - 1;
  for (const std::size_t count : {std::size_t{3}, std::size_t{3000}}) {
    for (const Reduction reduction : {Reduction::sum, Reduction::min, Reduction::max}) {
      std::vector<float> values(count, 1.0f);
      if (communicator.rank() == 0) values[0] = std::numeric_limits<float>::quiet_NaN();
      if (communicator.rank() == last) values[1] = std::numeric_limits<float>::quiet_NaN();
      communicator.all_reduce(std::span<float>(values), reduction);
      detail::expect(values[0] != values[0] && values[1] != values[1], check, communicator, "a NaN was lost in ",
                     reduction);
    }
    std::vector<double> values(count, 1.0);
    if (communicator.rank() == last) values[count - 1] = std::numeric_limits<double>::infinity();
    communicator.all_reduce(std::span<double>(values));
    detail::expect(values[count - 1] == std::numeric_limits<double>::infinity(), check, communicator,
                   "infinity was lost");
  }
}

/// reduce_scatter into other memory and into its own piece of the input; the rest of the input is left alone.
template <Communicator C>
void check_reduce_scatter(C& communicator) {
  const char* check = "reduce_scatter";
  const auto size = static_cast<std::size_t>(communicator.size());
  const auto rank = static_cast<std::size_t>(communicator.rank());
  detail::for_each_element_type([&]<class T>(T) {
    for (const std::size_t count : detail::lengths) {
      detail::on_both_memories<T>(communicator, count * size, [&](std::span<T> input) {
        for (const bool in_place : {false, true}) {
          for (std::size_t i = 0; i < input.size(); ++i) input[i] = detail::small_value<T>(communicator.rank(), i);
          std::vector<T> other(count);
          const std::span<T> output = in_place ? input.subspan(rank * count, count) : std::span<T>(other);
          communicator.reduce_scatter(input, output, Reduction::sum);
          for (std::size_t i = 0; i < count; ++i) {
            detail::expect(
                output[i] == detail::expected_value<T>(Reduction::sum, communicator.size(), rank * count + i), check,
                communicator, "element ", i, " of ", count, " (", dtype_of<T>, ") is wrong");
          }
          for (std::size_t i = 0; i < input.size(); ++i) {
            const bool own = in_place && i / std::max<std::size_t>(count, 1) == rank;
            detail::expect(own || input[i] == detail::small_value<T>(communicator.rank(), i), check, communicator,
                           "element ", i, " of the input was changed");
          }
        }
      });
    }
  });
}

/// all_gather from other memory and from its own piece of the output.
template <Communicator C>
void check_all_gather(C& communicator) {
  const char* check = "all_gather";
  const auto size = static_cast<std::size_t>(communicator.size());
  const auto rank = static_cast<std::size_t>(communicator.rank());
  detail::for_each_element_type([&]<class T>(T) {
    for (const std::size_t count : detail::lengths) {
      detail::on_both_memories<T>(communicator, count * size, [&](std::span<T> output) {
        for (const bool in_place : {false, true}) {
          std::fill(output.begin(), output.end(), T{0});
          std::vector<T> other(count);
          const std::span<T> input = in_place ? output.subspan(rank * count, count) : std::span<T>(other);
          for (std::size_t i = 0; i < count; ++i) input[i] = detail::small_value<T>(communicator.rank(), i);
          communicator.all_gather(input, output);
          for (std::size_t i = 0; i < output.size(); ++i) {
            const auto source = static_cast<int>(i / count);
            detail::expect(output[i] == detail::small_value<T>(source, i % count), check, communicator, "element ",
                           i % count, " of ", count, " from rank ", source, " (", dtype_of<T>, ") is wrong");
          }
        }
      });
    }
  });
}

/// Ranks bring different numbers of elements, some of them none.
template <Communicator C>
void check_all_gather_ragged(C& communicator) {
  const char* check = "all_gather_ragged";
  const int size = communicator.size();
  for (const std::int64_t scale : {0, 1, 7, 1000, 30'000}) {
    for (const int empty : {-1, 0, size - 1}) {
      std::vector<std::int64_t> counts(static_cast<std::size_t>(size));
      std::size_t total = 0;
      for (int rank = 0; rank < size; ++rank) {
        const std::int64_t count = rank == empty ? 0 : scale * (rank + 1) - (rank > 0 && scale > 0 ? 1 : 0);
        counts[static_cast<std::size_t>(rank)] = count;
        total += static_cast<std::size_t>(count);
      }
      const auto own = static_cast<std::size_t>(counts[static_cast<std::size_t>(communicator.rank())]);
      const auto longest = static_cast<std::size_t>(*std::max_element(counts.begin(), counts.end()));
      detail::on_both_memories<double>(communicator, longest, [&](std::span<double> memory) {
        const std::span<double> input = memory.subspan(0, own);
        for (std::size_t i = 0; i < own; ++i) input[i] = detail::small_value<double>(communicator.rank(), i);
        std::vector<double> output(total);
        communicator.all_gather_ragged(input, std::span<double>(output), counts);
        std::size_t position = 0;
        for (int rank = 0; rank < size; ++rank) {
          for (std::int64_t i = 0; i < counts[static_cast<std::size_t>(rank)]; ++i, ++position) {
            detail::expect(output[position] == detail::small_value<double>(rank, static_cast<std::size_t>(i)), check,
                           communicator, "element ", i, " of rank ", rank, " is wrong at scale ", scale);
          }
        }
      });
    }
  }
}

/// Every rank is root once.
template <Communicator C>
void check_broadcast(C& communicator) {
  const char* check = "broadcast";
  detail::for_each_element_type([&]<class T>(T) {
    for (const std::size_t count : detail::lengths) {
      detail::on_both_memories<T>(communicator, count, [&](std::span<T> buffer) {
        for (int root = 0; root < communicator.size(); ++root) {
          for (std::size_t i = 0; i < count; ++i) buffer[i] = detail::small_value<T>(communicator.rank(), i);
          communicator.broadcast(buffer, root);
          for (std::size_t i = 0; i < count; ++i) {
            detail::expect(buffer[i] == detail::small_value<T>(root, i), check, communicator, "element ", i, " of ",
                           count, " from rank ", root, " (", dtype_of<T>, ") is wrong");
          }
        }
      });
    }
  });
}

/// No rank passes a barrier before every rank has come to it. Compares clocks, so the ranks must be on one host.
template <Communicator C>
void check_barrier(C& communicator) {
  const auto now = [] { return static_cast<std::int64_t>(Deadline::Clock::now().time_since_epoch().count()); };
  for (int round = 0; round < 20; ++round) {
    std::int64_t entered = now();
    communicator.barrier();
    const std::int64_t left = now();
    communicator.all_reduce(std::span<std::int64_t>(&entered, 1), Reduction::max);
    detail::expect(left >= entered, "barrier", communicator, "it was passed before the last rank had come");
  }
}

/// Many results pending at once, waited for out of order, tested, or dropped; blocking calls come after them.
template <Communicator C>
void check_asynchronous(C& communicator) {
  const char* check = "asynchronous";
  const auto fill = [&](std::span<float> buffer) {
    for (std::size_t i = 0; i < buffer.size(); ++i) buffer[i] = detail::small_value<float>(communicator.rank(), i);
  };
  const auto verify = [&](std::span<const float> buffer, const char* when) {
    for (std::size_t i = 0; i < buffer.size(); ++i) {
      detail::expect(buffer[i] == detail::expected_value<float>(Reduction::sum, communicator.size(), i), check,
                     communicator, "element ", i, " of ", buffer.size(), " is wrong after ", when);
    }
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

/// Wrong arguments are refused before anything is sent, and the communicator goes on working.
template <Communicator C>
void check_arguments(C& communicator) {
  const auto size = static_cast<std::size_t>(communicator.size());
  volatile std::size_t one_too_many = 1;  // volatile: compilers warn of the copies that refused calls would make
  std::vector<float> large(size * 2 + one_too_many), small(2);
  std::vector<std::int32_t> integers(2);
  const std::span<float> output(small), whole(large);
  detail::expect_argument_error(communicator, "reduce_scatter with an input of another size",
                                [&] { communicator.reduce_scatter(whole, output, Reduction::sum); });
  detail::expect_argument_error(communicator, "all_gather with an output of another size",
                                [&] { communicator.all_gather(output, whole); });
  std::vector<std::int64_t> counts(size, 2);
  detail::expect_argument_error(communicator, "all_gather_ragged with an output of another size",
                                [&] { communicator.all_gather_ragged(output, whole, counts); });
  counts.push_back(1);
  detail::expect_argument_error(communicator, "all_gather_ragged with a count too many",
                                [&] { communicator.all_gather_ragged(output, whole, counts); });
  detail::expect_argument_error(communicator, "broadcast from rank -1", [&] { communicator.broadcast(output, -1); });
  detail::expect_argument_error(communicator, "broadcast from rank size()",
                                [&] { communicator.broadcast(output, communicator.size()); });
  detail::expect_argument_error(communicator, "the mean of integers",
                                [&] { communicator.all_reduce(std::span<std::int32_t>(integers), Reduction::mean); });
  std::int32_t one = 1;
  communicator.all_reduce(std::span<std::int32_t>(&one, 1));
  detail::expect(one == communicator.size(), "arguments", communicator, "it does not work after refusing arguments");
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

/// The whole suite. Throws the first failed check as an Error that names it.
template <Communicator C>
void check_communicator(C& communicator) {
  check_allocate(communicator);
  check_all_reduce(communicator);
  check_special_values(communicator);
  check_reduce_scatter(communicator);
  check_all_gather(communicator);
  check_all_gather_ragged(communicator);
  check_broadcast(communicator);
  check_barrier(communicator);
  check_asynchronous(communicator);
  check_arguments(communicator);
  check_move(communicator);
}

/// A promise beyond the contract, which Single, Threads and Ring give: every element is summed in one balanced binary
/// tree over the ranks (the first half is the largest power of two below the count), so the bits do not depend on how a
/// buffer is cut, where it lies, or which collective sums it.
template <Communicator C>
void check_canonical_order(C& communicator) {
  const char* check = "canonical order";
  const int size = communicator.size();
  const std::size_t count = static_cast<std::size_t>(size) * 6007;
  std::vector<float> expected(count);
  const auto tree = [](const auto& self, int first, int ranks, std::size_t index) -> float {
    if (ranks == 1) return detail::fraction(first, index);
    const int half = static_cast<int>(std::bit_floor(static_cast<unsigned>(ranks - 1)));
    return self(self, first, half, index) + self(self, first + half, ranks - half, index);
  };
  for (std::size_t i = 0; i < count; ++i) expected[i] = tree(tree, 0, size, i);
  const auto compare = [&](std::span<const float> got, std::span<const float> wanted, const char* way) {
    for (std::size_t i = 0; i < got.size(); ++i) {
      detail::expect(std::bit_cast<std::uint32_t>(got[i]) == std::bit_cast<std::uint32_t>(wanted[i]), check,
                     communicator, "element ", i, " has other bits when summed ", way);
    }
  };
  detail::on_both_memories<float>(communicator, count, [&](std::span<float> buffer) {
    const auto fill = [&] {
      for (std::size_t i = 0; i < count; ++i) buffer[i] = detail::fraction(communicator.rank(), i);
    };
    for (const std::size_t piece :
         {std::size_t{1}, std::size_t{12}, std::size_t{100}, std::size_t{500}, std::size_t{5003}, count}) {
      fill();
      const std::size_t end = std::min(count, piece * 200);
      for (std::size_t begin = 0; begin < end; begin += piece) {
        communicator.all_reduce(buffer.subspan(begin, std::min(piece, end - begin)));
      }
      compare(buffer.first(end), std::span<const float>(expected).first(end), "in pieces");
    }
    fill();
    std::vector<float> own(6007);
    communicator.reduce_scatter(buffer, std::span<float>(own), Reduction::sum);
    compare(own, std::span<const float>(expected).subspan(static_cast<std::size_t>(communicator.rank()) * 6007, 6007),
            "by reduce_scatter");
    fill();
    std::vector<float> means(expected);
    for (float& mean : means) mean *= 1.0f / static_cast<float>(size);
    communicator.all_reduce(buffer, Reduction::mean);
    compare(buffer, means, "and scaled");
  });
}

}  // namespace lockstep::testing
