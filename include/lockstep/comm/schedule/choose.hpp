// Which algorithm for which size: the one that the cost model finds fastest. All ranks know the same, so all choose
// alike.
#pragma once

#include <lockstep/comm/schedule/all_gather.hpp>
#include <lockstep/comm/schedule/collective_part.hpp>
#include <lockstep/comm/schedule/halving.hpp>
#include <lockstep/comm/schedule/link_model.hpp>
#include <lockstep/comm/schedule/sliced_all_reduce.hpp>

#include <algorithm>
#include <cstdint>

namespace lockstep::detail {

enum class Algorithm : std::uint8_t {
  direct,
  recursive,  ///< `parameter`: halvings; `radix`
  sliced,     ///< `parameter`: halvings
  tree,       ///< all_reduce: tree_reduce and binomial_broadcast
  dissemination,
  scatter_all_gather,
  chain,  ///< `parameter`: segments
};

constexpr const char* to_string(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::direct:
      return "direct";
    case Algorithm::recursive:
      return "recursive";
    case Algorithm::sliced:
      return "sliced";
    case Algorithm::tree:
      return "tree";
    case Algorithm::dissemination:
      return "dissemination";
    case Algorithm::scatter_all_gather:
      return "scatter and all-gather";
    case Algorithm::chain:
      return "chain";
  }
  return "unknown";
}

struct Choice {
  Algorithm algorithm = Algorithm::direct;
  int parameter = 0;
  std::uint64_t picoseconds = ~std::uint64_t{0};
  int radix = 2;

  constexpr void consider(Algorithm candidate, int with, std::uint64_t time, int with_radix = 2) {
    if (time < picoseconds) *this = {candidate, with, time, with_radix};
  }
};

/// Vectors above this are not sent whole to everyone: it bounds scratch, and products of the model stay below 2^64.
inline constexpr std::uint64_t direct_limit_bytes = std::uint64_t{1} << 20;

constexpr std::uint64_t ranks_of(const CollectivePart& part) { return static_cast<std::uint64_t>(part.size); }
constexpr std::uint64_t height_of(const CollectivePart& part) {
  return static_cast<std::uint64_t>(tree_height(part.size));
}

/// The time of halving_reduce_scatter over `bytes`.
constexpr std::uint64_t sliced_reduce_time(const CollectivePart& part, const LinkModel& link, int halvings,
                                           std::uint64_t bytes) {
  const std::uint64_t blocks = ranks_of(part) >> halvings, slice = bytes / ranks_of(part);
  std::uint64_t time = link.step(blocks - 1, (blocks - 1) * slice) + link.combine((ranks_of(part) - 1) * slice);
  for (int step = 1; step <= halvings; ++step) time += link.step(1, bytes >> step);
  return time;
}

constexpr std::uint64_t sliced_all_reduce_time(const CollectivePart& part, const LinkModel& link, int halvings) {
  const std::uint64_t blocks = ranks_of(part) >> halvings, slice = part.bytes() / ranks_of(part);
  std::uint64_t time = sliced_reduce_time(part, link, halvings, part.bytes());
  for (int step = 1; step <= halvings; ++step) time += link.step(1, part.bytes() >> step);
  if (blocks <= static_cast<std::uint64_t>(direct_all_gather_limit))
    return time + link.step(blocks - 1, (blocks - 1) * slice);
  return time + static_cast<std::uint64_t>(tree_height(static_cast<int>(blocks))) * link.alpha() +
         (blocks - 1) * slice * link.beta_picoseconds_per_byte;
}

/// The time of recursive_exchange. Messages to several members of larger siblings hide in the steps that the sender
/// skips.
constexpr std::uint64_t recursive_time(const LinkModel& link, int members, int radix, std::uint64_t bytes) {
  std::uint64_t time = 0;
  for (int width = 1; width < members; width *= radix) {
    const auto siblings = static_cast<std::uint64_t>(std::min(radix, (members + width - 1) / width) - 1);
    const std::uint64_t step = link.step(siblings, siblings * bytes) + link.combine(siblings * bytes);
    time += step;
    const int tail = members % (width * radix), right = tail % width;
    if (tail < width || right == 0) continue;
    const auto messages = static_cast<std::uint64_t>(tail / width * ((width + right - 1) / right));
    const std::uint64_t sending = link.step(messages, messages * bytes);
    std::uint64_t skipped = time;
    for (int below = 1; below < right; below *= radix) skipped = skipped > step ? skipped - step : 0;
    time += sending > skipped ? sending - skipped : 0;
  }
  return time;
}

constexpr Choice choose_all_reduce(const CollectivePart& part, const LinkModel& link) {
  Choice choice;
  const std::uint64_t bytes = part.bytes(), others = ranks_of(part) - 1;
  if (bytes <= direct_limit_bytes) {
    choice.consider(Algorithm::direct, 0, link.step(others, others * bytes) + link.combine(others * bytes));
  }
  choice.consider(Algorithm::sliced, 0, sliced_all_reduce_time(part, link, 0));
  if (part.one_pass) return choice;
  for (int halvings = 1; halvings <= HalvingLayout::most_halvings(part.size); ++halvings) {
    choice.consider(Algorithm::sliced, halvings, sliced_all_reduce_time(part, link, halvings));
  }
  std::uint64_t halving_time = 0, left = bytes;
  for (int halvings = 0; halvings <= HalvingLayout::most_halvings(part.size); ++halvings) {
    for (int radix = 2; radix <= 8; radix *= 2) {
      const std::uint64_t time = halving_time + recursive_time(link, part.size >> halvings, radix, left);
      choice.consider(Algorithm::recursive, halvings, time, radix);
    }
    left /= 2;
    halving_time += 2 * link.step(1, left) + link.combine(left);
  }
  choice.consider(Algorithm::tree, 0, height_of(part) * (2 * link.step(1, bytes) + link.combine(bytes)));
  return choice;
}

constexpr Choice choose_reduce_scatter(const CollectivePart& part, const LinkModel& link) {
  Choice choice;
  const int most = part.one_pass ? 0 : HalvingLayout::most_halvings(part.size);
  for (int halvings = 0; halvings <= most; ++halvings) {
    const std::uint64_t bytes = part.bytes() * ranks_of(part);
    choice.consider(Algorithm::sliced, halvings,
                    sliced_reduce_time(part, link, halvings, bytes) + (halvings > 0 ? link.combine(bytes) : 0));
  }
  return choice;
}

/// `bytes`: of all pieces.
constexpr Choice choose_all_gather(const CollectivePart& part, const LinkModel& link, std::uint64_t bytes) {
  Choice choice;
  const std::uint64_t others = ranks_of(part) - 1, moved = bytes / ranks_of(part) * others;
  choice.consider(Algorithm::direct, 0, link.step(others, moved));
  choice.consider(Algorithm::dissemination, 0, height_of(part) * link.alpha() + moved * link.beta_picoseconds_per_byte);
  return choice;
}

constexpr Choice choose_reduce(const CollectivePart& part, const LinkModel& link) {
  Choice choice;
  const std::uint64_t bytes = part.bytes(), slice = bytes / ranks_of(part);
  const int most = part.one_pass ? 0 : HalvingLayout::most_halvings(part.size);
  for (int halvings = 0; halvings <= most; ++halvings) {
    const std::uint64_t blocks = ranks_of(part) >> halvings;
    std::uint64_t time = sliced_reduce_time(part, link, halvings, bytes) + link.step(blocks - 1, (blocks - 1) * slice);
    for (int step = 1; step <= halvings; ++step) time += link.step(1, bytes >> step);
    choice.consider(Algorithm::sliced, halvings, time);
  }
  if (!part.one_pass) {
    choice.consider(Algorithm::tree, 0, height_of(part) * (link.step(1, bytes) + link.combine(bytes)));
  }
  return choice;
}

constexpr Choice choose_broadcast(const CollectivePart& part, const LinkModel& link) {
  Choice choice;
  const std::uint64_t bytes = part.bytes(), moved = bytes / ranks_of(part) * (ranks_of(part) - 1);
  choice.consider(Algorithm::tree, 0, height_of(part) * link.step(1, bytes));
  choice.consider(Algorithm::scatter_all_gather, 0,
                  2 * (height_of(part) * link.alpha() + moved * link.beta_picoseconds_per_byte));
  for (int segments = 1; segments <= 8192; segments *= 2) {
    const auto count = static_cast<std::uint64_t>(segments);
    choice.consider(Algorithm::chain, segments, (ranks_of(part) + count - 2) * link.step(1, bytes / count));
  }
  return choice;
}

/// For gather and scatter.
constexpr Choice choose_gather(const CollectivePart& part, const LinkModel& link) {
  Choice choice;
  const std::uint64_t others = ranks_of(part) - 1, moved = others * part.bytes();
  choice.consider(Algorithm::direct, 0, link.step(others, moved));
  choice.consider(Algorithm::tree, 0, height_of(part) * link.alpha() + moved * link.beta_picoseconds_per_byte);
  return choice;
}

constexpr Choice choose_all_to_all(const CollectivePart& part, const LinkModel& link) {
  Choice choice;
  const std::uint64_t others = ranks_of(part) - 1, half = ranks_of(part) / 2 * part.bytes();
  choice.consider(Algorithm::direct, 0, link.step(others, others * part.bytes()));
  choice.consider(Algorithm::dissemination, 0, height_of(part) * (link.step(1, half) + link.combine(half)));
  return choice;
}

}  // namespace lockstep::detail
