#include "../faulty_threads.hpp"
#include <lockstep/testing/communicator/special_values.hpp>

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

struct LosesNan : FaultyThreads<LosesNan> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void all_reduce(std::span<T> buffer, ls::Reduction reduction = ls::Reduction::sum) {
    Threads::all_reduce(buffer, reduction);
    if (reduction != ls::Reduction::max) return;
    for (T& value : buffer) value = value != value ? T{} : value;
  }
};

// Rounds after each addition; with two ranks only the mean shows it.
struct RoundsTwice : FaultyThreads<RoundsTwice> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void all_reduce(std::span<T> buffer, ls::Reduction reduction = ls::Reduction::sum) {
    if constexpr (sizeof(T) == 2) {
      std::vector<T> all(buffer.size() * static_cast<std::size_t>(size()));
      all_gather(buffer, std::span<T>(all));
      for (std::size_t i = 0; i < buffer.size(); ++i) {
        T sum = all[i];
        for (std::size_t other = i + buffer.size(); other < all.size(); other += buffer.size()) {
          sum = T{sum + all[other]};
        }
        buffer[i] = reduction == ls::Reduction::mean ? T{sum / static_cast<float>(size())} : sum;
      }
    } else {
      Threads::all_reduce(buffer, reduction);
    }
  }
};

struct Truncates : FaultyThreads<Truncates> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void reduce(std::span<const std::type_identity_t<T>> input, std::span<T> output, int root,
              ls::Reduction reduction = ls::Reduction::sum) {
    if constexpr (std::is_same_v<T, ls::BFloat16>) {
      std::vector<float> wide(input.begin(), input.end());
      Threads::reduce(wide, std::span<float>(wide), root, reduction);
      for (std::size_t i = 0; i < output.size(); ++i) {
        output[i].bits = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(wide[i]) >> 16);
      }
    } else {
      Threads::reduce(input, output, root, reduction);
    }
  }
};

constexpr auto check_half_precision = [](auto& communicator) { ls::testing::check_half_precision(communicator); };
constexpr auto check_special_values = [](auto& communicator) { ls::testing::check_special_values(communicator); };

}  // namespace

TEST_CASE("numbers that are hard to keep pass where they are kept") {
  for (const int size : {1, 2, 3, 8}) {
    CHECK(found<Right>(size, check_half_precision) == "nothing");
    CHECK(found<Right>(size, check_special_values) == "nothing");
  }
}

TEST_CASE("a NaN that gets lost is found") {
  CHECK(found<LosesNan>(2, check_special_values).find("a NaN was lost in max of float32") != std::string::npos);
}

TEST_CASE("16-bit numbers that are rounded more than once are found") {
  const std::string two = found<RoundsTwice>(2, check_half_precision);
  CHECK(names(two, "half precision"));
  CHECK(two.find("the mean of the largest float16 is inf") != std::string::npos);
  CHECK(found<RoundsTwice>(3, check_half_precision).find("all_reduce, sum: element ") != std::string::npos);
}

TEST_CASE("16-bit numbers that are not rounded to nearest are found") {
  CHECK(found<Truncates>(2, check_half_precision).find("reduce, ") != std::string::npos);
}
