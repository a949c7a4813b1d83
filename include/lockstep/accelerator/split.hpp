// Splits a list between ranks, for work that is not training: generating, evaluating, preprocessing.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

namespace lockstep::detail {

/// The part of `rank`: length / world_size elements, one more on the first length % world_size ranks.
template <class T>
std::vector<std::remove_const_t<T>> split(std::span<T> list, int rank, int world_size, bool apply_padding) {
  const auto r = static_cast<std::size_t>(rank), w = static_cast<std::size_t>(world_size);
  const std::size_t quotient = list.size() / w, extra = list.size() % w;
  const std::size_t begin = r * quotient + (r < extra ? r : extra);
  const std::size_t count = quotient + (r < extra ? 1 : 0);
  std::vector<std::remove_const_t<T>> part(list.begin() + static_cast<std::ptrdiff_t>(begin),
                                           list.begin() + static_cast<std::ptrdiff_t>(begin + count));
  if (apply_padding && !list.empty()) part.resize(quotient + (extra > 0 ? 1 : 0), list.back());
  return part;
}

}  // namespace lockstep::detail
