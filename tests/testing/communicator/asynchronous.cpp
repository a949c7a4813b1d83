#include "../faulty_threads.hpp"
#include <lockstep/comm/single.hpp>
#include <lockstep/testing/communicator/asynchronous.hpp>

#include <doctest/doctest.h>

#include <span>
#include <string>
#include <utility>

namespace ls = lockstep;
using ls::testing::FaultyThreads, ls::testing::found, ls::testing::names;

namespace {

struct Right : FaultyThreads<Right> {
  using FaultyThreads::FaultyThreads;
};

struct OpenBarrier : FaultyThreads<OpenBarrier> {
  using FaultyThreads::FaultyThreads;
  void barrier() {}
};

struct OpenPendingBarrier : FaultyThreads<OpenPendingBarrier> {
  using FaultyThreads::FaultyThreads;
  Pending barrier_async() { return {}; }
};

struct ForgottenResult : FaultyThreads<ForgottenResult> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  Pending all_reduce_async(std::span<T>, ls::Reduction = ls::Reduction::sum) {
    return {};
  }
};

struct WrongForm : FaultyThreads<WrongForm> {  // one asynchronous form of ten does something else
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  Pending reduce_scatter_async(std::span<const std::type_identity_t<T>> input, std::span<T> output, ls::Reduction) {
    return Threads::reduce_scatter_async(input, output, ls::Reduction::sum);
  }
};

// Says that a result is there before it is.
struct Hasty : FaultyThreads<Hasty> {
  struct Pending : Threads::Pending {
    Pending() = default;
    Pending(Threads::Pending&& pending) : Threads::Pending(std::move(pending)) {}
    bool test() { return true; }
  };
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  Pending all_reduce_async(std::span<T> buffer, ls::Reduction reduction = ls::Reduction::sum) {
    return Threads::all_reduce_async(buffer, reduction);
  }
};

constexpr auto check_barrier = [](auto& communicator) { ls::testing::check_barrier(communicator); };
constexpr auto check_asynchronous = [](auto& communicator) { ls::testing::check_asynchronous(communicator); };
constexpr auto check_asynchronous_forms = [](auto& communicator) {
  ls::testing::check_asynchronous_forms(communicator);
};

}  // namespace

TEST_CASE("what waits as it should passes") {
  for (const int size : {1, 3}) {
    CHECK(found<Right>(size, check_barrier) == "nothing");
    CHECK(found<Right>(size, check_asynchronous) == "nothing");
    CHECK(found<Right>(size, check_asynchronous_forms) == "nothing");
  }
  ls::Single single;
  ls::testing::check_move(single);
}

TEST_CASE("barriers that do not wait are found") {
  CHECK(names(found<OpenBarrier>(3, check_barrier), "barrier"));
  CHECK(names(found<OpenPendingBarrier>(3, check_barrier), "barrier"));
}

TEST_CASE("results that are forgotten, other ones, or said to be there too early are found") {
  CHECK(found<ForgottenResult>(2, check_asynchronous).find("after wait: element ") != std::string::npos);
  CHECK(found<WrongForm>(2, check_asynchronous_forms).find("reduce_scatter_async: element ") != std::string::npos);
  CHECK(names(found<Hasty>(2, check_asynchronous), "asynchronous"));
}
