#include "../faulty_threads.hpp"
#include <lockstep/testing/communicator/reductions.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <span>
#include <string>
#include <type_traits>

namespace ls = lockstep;
using ls::testing::FaultyThreads, ls::testing::found, ls::testing::names;

namespace {

struct Right : FaultyThreads<Right> {
  using FaultyThreads::FaultyThreads;
};

struct WrongSum : FaultyThreads<WrongSum> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void all_reduce(std::span<T> buffer, ls::Reduction reduction = ls::Reduction::sum) {
    Threads::all_reduce(buffer, reduction);
    if (buffer.size() > 4000) buffer[4000] = static_cast<T>(buffer[4000] + T{1});
  }
};

struct OtherBits : FaultyThreads<OtherBits> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void all_reduce(std::span<T> buffer, ls::Reduction reduction = ls::Reduction::sum) {
    Threads::all_reduce(buffer, reduction);
    if constexpr (std::is_same_v<T, float>) {
      if (rank() == 1 && buffer.size() == 10'007) buffer[9] = std::nextafter(buffer[9], 2.0f);
    }
  }
};

struct ToNextRank : FaultyThreads<ToNextRank> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void reduce(std::span<const std::type_identity_t<T>> input, std::span<T> output, int root,
              ls::Reduction reduction = ls::Reduction::sum) {
    std::vector<T> other(input.size());
    Threads::reduce(input, rank() == root ? std::span<T>(other) : output, root, reduction);
  }
};

struct SpoilsInput : FaultyThreads<SpoilsInput> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void reduce(std::span<const std::type_identity_t<T>> input, std::span<T> output, int root,
              ls::Reduction reduction = ls::Reduction::sum) {
    Threads::reduce(input, output, root, reduction);
    if (!input.empty() && rank() != root) const_cast<T&>(input.back()) = T{};
  }
};

struct RotatedPieces : FaultyThreads<RotatedPieces> {
  using FaultyThreads::FaultyThreads;
  int rank() const { return (Threads::rank() + 1) % size(); }
};

}  // namespace

TEST_CASE("reductions that are right pass") {
  CHECK(found<Right>(3, [](auto& communicator) {
          ls::testing::check_all_reduce(communicator);
          ls::testing::check_reduce(communicator);
          ls::testing::check_reduce_scatter(communicator);
        }) == "nothing");
}

TEST_CASE("wrong elements and different bits in all_reduce are found") {
  const auto check = [](auto& communicator) { ls::testing::check_all_reduce(communicator); };
  const std::string wrong = found<WrongSum>(2, check);
  CHECK(names(wrong, "all_reduce"));
  CHECK(wrong.find("sum: element 4000 of 4099 (float32) is ") != std::string::npos);
  const std::string bits = found<OtherBits>(2, check);
  CHECK(names(bits, "all_reduce"));
  CHECK(bits.find("has other bits for a result of 10007 elements") != std::string::npos);
}

TEST_CASE("reduce that reaches the wrong rank or spoils inputs is found") {
  const auto check = [](auto& communicator) { ls::testing::check_reduce(communicator); };
  CHECK(names(found<ToNextRank>(2, check), "reduce"));
  CHECK(found<SpoilsInput>(2, check).find("the input, after it was reduced to rank ") != std::string::npos);
}

TEST_CASE("reduce_scatter that hands out the wrong pieces is found") {
  CHECK(names(found<RotatedPieces>(3, [](auto& communicator) { ls::testing::check_reduce_scatter(communicator); }),
              "reduce_scatter"));
}
