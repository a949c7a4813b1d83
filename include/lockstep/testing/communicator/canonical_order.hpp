// The order of summing, bit for bit.
#pragma once

#include <lockstep/comm/communicator.hpp>
#include <lockstep/testing/communicator/expect.hpp>
#include <lockstep/testing/communicator/values.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

namespace lockstep::testing {

namespace detail {

template <class T>
T fraction_of(int rank, std::size_t index) {
  return static_cast<T>(static_cast<Wide<T>>(fraction(rank, index)));
}

/// The sum over ranks [first, first + ranks): the first half is the largest power of two below their number.
template <class T>
Wide<T> canonical_sum(int first, int ranks, std::size_t index) {
  if (ranks == 1) return fraction_of<T>(first, index);
  const int half = static_cast<int>(std::bit_floor(static_cast<unsigned>(ranks - 1)));
  return canonical_sum<T>(first, half, index) + canonical_sum<T>(first + half, ranks - half, index);
}

template <class T, class C>
void check_canonical_order_of(C& communicator, T) {
  const int size = communicator.size(), rank = communicator.rank();
  const std::size_t piece = size > 4 ? 2011 : 6007;
  const std::size_t count = static_cast<std::size_t>(size) * piece;
  std::vector<T> sums(count), means(count);
  for (std::size_t i = 0; i < count; ++i) {
    const Wide<T> sum = canonical_sum<T>(0, size, i);
    sums[i] = rounded<T>(sum);
    means[i] = rounded<T>(sum * (Wide<T>{1} / static_cast<Wide<T>>(size)));
  }
  const auto compare = [&](std::span<const T> got, const std::vector<T>& wanted, std::size_t first, const char* way) {
    for (std::size_t i = 0; i < got.size(); ++i) {
      expect(std::memcmp(&got[i], &wanted[first + i], sizeof(T)) == 0, "canonical order", communicator, "element ", i,
             " (", dtype_of<T>, ") has other bits when summed ", way);
    }
  };
  on_both_memories<T>(communicator, count, [&](std::span<T> buffer) {
    const auto fill = [&] {
      for (std::size_t i = 0; i < count; ++i) buffer[i] = fraction_of<T>(rank, i);
    };
    for (const std::size_t part :
         {std::size_t{1}, std::size_t{12}, std::size_t{100}, std::size_t{500}, std::size_t{5003}, count}) {
      fill();
      const std::size_t end = std::min(count, part * 200);
      for (std::size_t begin = 0; begin < end; begin += part) {
        communicator.all_reduce(buffer.subspan(begin, std::min(part, end - begin)));
      }
      compare(buffer.first(end), sums, 0, "in pieces");
    }
    fill();
    std::vector<T> own(piece);
    communicator.reduce_scatter(buffer, std::span<T>(own), Reduction::sum);
    compare(own, sums, static_cast<std::size_t>(rank) * piece, "by reduce_scatter");
    std::vector<T> result(count);
    for (int root = 0; root < size; ++root) {
      communicator.reduce(buffer, std::span<T>(result), root, Reduction::mean);
      if (rank == root) compare(result, means, 0, "by reduce");
      communicator.reduce(buffer.first(5), std::span<T>(result).first(5), root);
      if (rank == root) compare(std::span<const T>(result).first(5), sums, 0, "by reduce of a few");
    }
    auto pending = communicator.all_reduce_async(buffer, Reduction::mean);
    pending.wait();
    compare(buffer, means, 0, "and scaled");
  });
}

}  // namespace detail

/// A promise beyond the contract, which all communicators of this library give: every element is summed in one balanced
/// binary tree over the ranks (the first half is the largest power of two below the count), so the bits do not depend
/// on how a buffer is cut, where it lies, or which collective sums it. 16-bit numbers are summed in float.
template <Communicator C>
void check_canonical_order(C& communicator) {
  detail::check_canonical_order_of(communicator, float{});
  detail::check_canonical_order_of(communicator, double{});
  detail::check_canonical_order_of(communicator, BFloat16{});
  detail::check_canonical_order_of(communicator, Float16{});
}

}  // namespace lockstep::testing
