// Where the ranks of a job sit: what every rank must know to reduce inside its host first.
#pragma once

#include <lockstep/core/on_demand.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lockstep::detail {

/// Ranks in blocks: host h has the ranks [h * local_size, (h + 1) * local_size).
struct HostLayout {
  int hosts = 1;
  int local_size = 1;
  bool regular = true;  ///< False: hosts have different numbers of ranks, or the ranks of a host are not in one block.

  int host_of(int rank) const { return rank / local_size; }
  int local_rank_of(int rank) const { return rank % local_size; }

  /// Whether the canonical tree over all ranks is the tree over hosts whose leaves are the trees inside the hosts: so
  /// it is for blocks of a power of two.
  bool nests() const { return regular && std::has_single_bit(static_cast<unsigned>(local_size)); }
};

/// `local_ranks_and_sizes` holds, for each rank, its rank inside its host and the number of ranks there.
LOCKSTEP_ON_DEMAND HostLayout read_host_layout(std::span<const std::int32_t> local_ranks_and_sizes) {
  const int ranks = static_cast<int>(local_ranks_and_sizes.size() / 2);
  HostLayout layout;
  layout.local_size = local_ranks_and_sizes[1];
  layout.hosts = ranks / layout.local_size;
  layout.regular = ranks % layout.local_size == 0;
  for (int rank = 0; rank < ranks; ++rank) {
    const auto at = 2 * static_cast<std::size_t>(rank);
    layout.regular = layout.regular && local_ranks_and_sizes[at] == rank % layout.local_size &&
                     local_ranks_and_sizes[at + 1] == layout.local_size;
  }
  return layout;
}

/// Asks all ranks.
template <class World>
HostLayout exchange_host_layout(World& world, int local_rank, int local_size) {
  const std::int32_t own[2] = {local_rank, local_size};
  std::vector<std::int32_t> all(2 * static_cast<std::size_t>(world.size()));
  world.all_gather(std::span<const std::int32_t>(own), std::span<std::int32_t>(all));
  return read_host_layout(all);
}

}  // namespace lockstep::detail
