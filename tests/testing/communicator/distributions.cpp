#include "../faulty_threads.hpp"
#include <lockstep/testing/communicator/distributions.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <span>
#include <string>

namespace ls = lockstep;
using ls::testing::FaultyThreads, ls::testing::found, ls::testing::names;

namespace {

struct Right : FaultyThreads<Right> {
  using FaultyThreads::FaultyThreads;
};

struct FromZero : FaultyThreads<FromZero> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void broadcast(std::span<T> buffer, int) {
    Threads::broadcast(buffer, 0);
  }
};

struct OddBytesLost : FaultyThreads<OddBytesLost> {  // copies in units of four bytes
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void broadcast(std::span<T> buffer, int root) {
    const std::vector<T> before(buffer.begin(), buffer.end());
    Threads::broadcast(buffer, root);
    const std::size_t whole = buffer.size_bytes() / 4 * 4 / sizeof(T);
    std::copy(before.begin() + static_cast<std::ptrdiff_t>(whole), before.end(),
              buffer.begin() + static_cast<std::ptrdiff_t>(whole));
  }
};

struct NextPiece : FaultyThreads<NextPiece> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void scatter(std::span<const std::type_identity_t<T>> input, std::span<T> output, int root) {
    std::vector<T> rotated(input.begin(), input.end());
    if (rank() == root && !input.empty()) {
      std::rotate(rotated.begin(), rotated.begin() + static_cast<std::ptrdiff_t>(output.size()), rotated.end());
    }
    Threads::scatter(rotated, output, root);
  }
};

struct ReversedPieces : FaultyThreads<ReversedPieces> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void all_to_all(std::span<const std::type_identity_t<T>> input, std::span<T> output) {
    Threads::all_to_all(input, output);
    const auto piece = static_cast<std::ptrdiff_t>(input.size()) / size();
    for (std::ptrdiff_t low = 0, high = size() - 1; low < high; ++low, --high) {
      std::swap_ranges(output.begin() + low * piece, output.begin() + (low + 1) * piece, output.begin() + high * piece);
    }
  }
};

struct KeepsPieces : FaultyThreads<KeepsPieces> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void all_to_all(std::span<const std::type_identity_t<T>> input, std::span<T> output) {
    std::copy(input.begin(), input.end(), output.begin());
  }
};

}  // namespace

TEST_CASE("distributions that are right pass") {
  CHECK(found<Right>(4, [](auto& communicator) {
          ls::testing::check_broadcast(communicator);
          ls::testing::check_scatter(communicator);
          ls::testing::check_all_to_all(communicator);
        }) == "nothing");
}

TEST_CASE("a broadcast from the wrong root, and one that loses odd bytes, are found") {
  const auto check = [](auto& communicator) { ls::testing::check_broadcast(communicator); };
  CHECK(found<FromZero>(2, check).find("from rank 1: element ") != std::string::npos);
  CHECK(names(found<OddBytesLost>(2, check), "broadcast"));
}

TEST_CASE("scattered pieces that reach the wrong rank are found") {
  CHECK(names(found<NextPiece>(3, [](auto& communicator) { ls::testing::check_scatter(communicator); }), "scatter"));
}

TEST_CASE("all_to_all with its pieces in the wrong order is found") {
  const auto check = [](auto& communicator) { ls::testing::check_all_to_all(communicator); };
  CHECK(names(found<ReversedPieces>(3, check), "all_to_all"));
  CHECK(names(found<KeepsPieces>(2, check), "all_to_all"));
}
