#include "../faulty_threads.hpp"
#include <lockstep/testing/communicator/canonical_order.hpp>

#include <doctest/doctest.h>

#include <span>
#include <string>
#include <vector>

namespace ls = lockstep;
using ls::testing::FaultyThreads, ls::testing::found, ls::testing::names;

namespace {

struct Right : FaultyThreads<Right> {
  using FaultyThreads::FaultyThreads;
};

// Rank order ((0 1) 2) is canonical for three ranks; reversed numbering is not.
struct Reversed : FaultyThreads<Reversed> {
  using FaultyThreads::FaultyThreads;
  int rank() const { return size() - 1 - Threads::rank(); }
};

// One rank after another: (((0 1) 2) 3).
struct Chain : FaultyThreads<Chain> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void reduce(std::span<const std::type_identity_t<T>> input, std::span<T> output, int root,
              ls::Reduction reduction = ls::Reduction::sum) {
    using Wide = ls::testing::detail::Wide<T>;
    std::vector<T> all(rank() == root ? input.size() * static_cast<std::size_t>(size()) : 0);
    gather(input, std::span<T>(all), root);
    const Wide scale = Wide{1} / static_cast<Wide>(reduction == ls::Reduction::mean ? size() : 1);
    for (std::size_t i = 0; rank() == root && i < input.size(); ++i) {
      Wide sum = all[i];
      for (std::size_t other = i + input.size(); other < all.size(); other += input.size()) {
        sum = static_cast<Wide>(sum + all[other]);
      }
      output[i] = static_cast<T>(static_cast<Wide>(sum * scale));
    }
  }
};

// Adds 16-bit numbers in 16 bits.
struct RoundsTwice : FaultyThreads<RoundsTwice> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void all_reduce(std::span<T> buffer, ls::Reduction reduction = ls::Reduction::sum) {
    if constexpr (sizeof(T) == 2) {
      std::vector<T> all(buffer.size() * 3);
      all_gather(buffer, std::span<T>(all));
      for (std::size_t i = 0; i < buffer.size(); ++i) {
        buffer[i] = T{T{all[i] + all[buffer.size() + i]} + all[2 * buffer.size() + i]};
      }
    } else {
      Threads::all_reduce(buffer, reduction);
    }
  }
};

constexpr auto check_canonical_order = [](auto& communicator) { ls::testing::check_canonical_order(communicator); };

}  // namespace

TEST_CASE("the canonical order passes") {
  for (const int size : {1, 3, 6}) CHECK(found<Right>(size, check_canonical_order) == "nothing");
}

TEST_CASE("every other order of summing is found") {
  CHECK(names(found<Reversed>(3, check_canonical_order), "canonical order"));
  CHECK(found<Chain>(4, check_canonical_order).find("(float32) has other bits when summed by reduce") !=
        std::string::npos);
  CHECK(found<RoundsTwice>(3, check_canonical_order).find("(bfloat16) has other bits when summed in pieces") !=
        std::string::npos);
}
