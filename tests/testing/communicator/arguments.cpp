#include "../faulty_threads.hpp"
#include <lockstep/comm/single.hpp>
#include <lockstep/testing/communicator/arguments.hpp>

#include <doctest/doctest.h>

#include <span>
#include <string>

namespace ls = lockstep;
using ls::testing::FaultyThreads, ls::testing::found;

namespace {

struct Right : FaultyThreads<Right> {
  using FaultyThreads::FaultyThreads;
};

struct AcceptsMean : FaultyThreads<AcceptsMean> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void all_reduce(std::span<T> buffer, ls::Reduction reduction = ls::Reduction::sum) {
    Threads::all_reduce(buffer, std::is_integral_v<T> ? ls::Reduction::sum : reduction);
  }
};

struct AcceptsRoot : FaultyThreads<AcceptsRoot> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void gather(std::span<const std::type_identity_t<T>> input, std::span<T> output, int root) {
    if (root >= 0) Threads::gather(input, output, root);
  }
};

struct AcceptsLengths : FaultyThreads<AcceptsLengths> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void all_to_all(std::span<const std::type_identity_t<T>> input, std::span<T> output) {
    const std::size_t whole =
        std::min(input.size(), output.size()) / static_cast<std::size_t>(size()) * static_cast<std::size_t>(size());
    Threads::all_to_all(input.first(whole), output.first(whole));
  }
};

struct TalksToItself : FaultyThreads<TalksToItself> {
  using FaultyThreads::FaultyThreads;
  template <class T>
  void send(std::span<T> buffer, int destination) {
    if (destination != rank()) Threads::send(buffer, destination);
  }
};

struct AcceptsColor : FaultyThreads<AcceptsColor> {
  using FaultyThreads::FaultyThreads;
  AcceptsColor split(int color, int key) { return AcceptsColor(Threads::split(color < 0 ? 0 : color, key)); }
};

struct StaysBroken : FaultyThreads<StaysBroken> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void all_reduce(std::span<T> buffer, ls::Reduction reduction = ls::Reduction::sum) {
    if (std::is_integral_v<T> && reduction == ls::Reduction::sum) return;
    Threads::all_reduce(buffer, reduction);
  }
};

constexpr auto check_arguments = [](auto& communicator) { ls::testing::check_arguments(communicator); };

template <class C>
bool finds(const char* what) {
  return found<C>(2, check_arguments).find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("a communicator that refuses what is wrong passes") {
  CHECK(found<Right>(3, check_arguments) == "nothing");
  ls::Single single;
  ls::testing::check_arguments(single);
}

TEST_CASE("what should have been refused is named") {
  CHECK(finds<AcceptsMean>("the mean of integers was accepted"));
  CHECK(finds<AcceptsRoot>("gather on rank -1 was accepted"));
  CHECK(finds<AcceptsLengths>("all_to_all with an output of another size was accepted"));
  CHECK(finds<TalksToItself>("a message to oneself or to nobody was accepted"));
  CHECK(finds<AcceptsColor>("a negative color was accepted"));
  CHECK(finds<StaysBroken>("it does not work after refusing arguments"));
}
