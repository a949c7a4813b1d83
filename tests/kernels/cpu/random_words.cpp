// Many words at once are the words of the stream one by one, from any position.
#include <lockstep/kernels/cpu/random_words.hpp>

#include <doctest/doctest.h>

#include <vector>

using namespace lockstep;

TEST_CASE("random_words: the stream from any position, also across 2^34 words") {
  const Philox random(3, 4);
  for (const std::uint64_t start :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{7}, (std::uint64_t{1} << 34) - 9}) {
    for (const std::int64_t count : {0, 1, 63, 64, 65, 200}) {
      constexpr std::uint32_t sentinel = 17;
      std::vector<std::uint32_t> memory(
          static_cast<std::size_t>(count + cpu::random_words_batch + cpu::random_words_slack) + 1, sentinel);
      const std::uint32_t* words = cpu::random_words(random, start, count, memory.data());
      bool right = memory.back() == sentinel;
      for (std::int64_t i = 0; i < count; ++i)
        right = right && words[i] == random.at(start + static_cast<std::uint64_t>(i));
      CAPTURE(start);
      CAPTURE(count);
      CHECK(right);
    }
  }
}
