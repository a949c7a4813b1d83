#include "../faulty_threads.hpp"
#include <lockstep/testing/communicator/gathers.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

namespace ls = lockstep;
using ls::testing::FaultyThreads, ls::testing::found, ls::testing::names;

namespace {

struct Right : FaultyThreads<Right> {
  using FaultyThreads::FaultyThreads;
};

struct ForgetsTail : FaultyThreads<ForgetsTail> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void all_gather(std::span<const std::type_identity_t<T>> input, std::span<T> output) {
    Threads::all_gather(input, output);
    if (output.size() > 1000) output.back() = T{126};
  }
};

struct SwapsPieces : FaultyThreads<SwapsPieces> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void all_gather(std::span<const std::type_identity_t<T>> input, std::span<T> output) {
    Threads::all_gather(input, output);
    std::swap_ranges(output.begin(), output.begin() + static_cast<std::ptrdiff_t>(input.size()),
                     output.end() - static_cast<std::ptrdiff_t>(input.size()));
  }
};

struct ShiftsAfterEmpty : FaultyThreads<ShiftsAfterEmpty> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void all_gather_ragged(std::span<const std::type_identity_t<T>> input, std::span<T> output,
                         std::span<const std::int64_t> counts) {
    Threads::all_gather_ragged(input, output, counts);
    if (counts[0] == 0 && output.size() > 1) std::rotate(output.begin(), output.begin() + 1, output.end());
  }
};

struct GathersOnZero : FaultyThreads<GathersOnZero> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void gather(std::span<const std::type_identity_t<T>> input, std::span<T> output, int) {
    std::vector<T> unwanted(input.size() * static_cast<std::size_t>(size()));
    Threads::gather(input, rank() == 0 && output.empty() ? std::span<T>(unwanted) : output, 0);
  }
};

}  // namespace

TEST_CASE("gathers that are right pass") {
  CHECK(found<Right>(4, [](auto& communicator) {
          ls::testing::check_all_gather(communicator);
          ls::testing::check_all_gather_ragged(communicator);
          ls::testing::check_gather(communicator);
        }) == "nothing");
}

TEST_CASE("lost and swapped pieces are found") {
  const auto check = [](auto& communicator) { ls::testing::check_all_gather(communicator); };
  CHECK(found<ForgetsTail>(2, check).find("the piece of rank 1: element ") != std::string::npos);
  CHECK(names(found<SwapsPieces>(3, check), "all_gather"));
}

TEST_CASE("counts that are read wrongly are found") {
  CHECK(
      names(found<ShiftsAfterEmpty>(3, [](auto& communicator) { ls::testing::check_all_gather_ragged(communicator); }),
            "all_gather_ragged"));
}

TEST_CASE("a gather that goes to the wrong root is found") {
  const std::string text = found<GathersOnZero>(2, [](auto& communicator) { ls::testing::check_gather(communicator); });
  CHECK(text.find("communicator check 'gather' failed on rank 1 of 2: the piece of rank ") == 0);
}
