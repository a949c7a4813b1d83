// Many words of a random stream at once: sixteen counters side by side, which compilers turn into vector code.
#pragma once

#include <lockstep/core/philox.hpp>

#include <cstdint>

namespace lockstep::cpu {

/// How many words `random_words` can start before the first wanted one.
inline constexpr std::int64_t random_words_slack = 4;

/// How many words `random_words` makes at a time.
inline constexpr std::int64_t random_words_batch = 64;

/// Words of the stream around [position, position + count): returns the place in `to` of the first one. `to` holds
/// `count` words, and one batch and the slack more.
inline const std::uint32_t* random_words(const Philox& random, std::uint64_t position, std::int64_t count,
                                         std::uint32_t* __restrict to) {
  constexpr std::int64_t lanes = random_words_batch / 4;
  const std::uint64_t first = position / 4;
  const auto skipped = static_cast<std::int64_t>(position % 4);
  for (std::int64_t done = 0; done < skipped + count; done += random_words_batch) {
    std::uint32_t words[4][lanes];
    const std::uint64_t block = first + static_cast<std::uint64_t>(done / 4);
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const PhiloxCounter four = random.block(block + static_cast<std::uint64_t>(lane));
      words[0][lane] = four[0];
      words[1][lane] = four[1];
      words[2][lane] = four[2];
      words[3][lane] = four[3];
    }
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      for (std::int64_t i = 0; i < 4; ++i) to[done + 4 * lane + i] = words[i][lane];
    }
  }
  return to + skipped;
}

}  // namespace lockstep::cpu
