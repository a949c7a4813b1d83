#include "../faulty_threads.hpp"
#include <lockstep/comm/single.hpp>
#include <lockstep/testing/communicator/long_buffers.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <span>

namespace ls = lockstep;
using ls::testing::FaultyThreads, ls::testing::found, ls::testing::names;

namespace {

struct Right : FaultyThreads<Right> {
  using FaultyThreads::FaultyThreads;
};

// Moves rounds of 64 KiB and forgets where the last one begins.
struct MisplacesLastRound : FaultyThreads<MisplacesLastRound> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void broadcast(std::span<T> buffer, int root) {
    Threads::broadcast(buffer, root);
    const std::size_t rest = buffer.size() % 65536;
    std::copy_n(buffer.data() + buffer.size() - rest, rest, buffer.data());
  }
};

struct CopiesWords : FaultyThreads<CopiesWords> {
  using FaultyThreads::FaultyThreads;
  template <ls::Element T>
  void all_gather(std::span<const std::type_identity_t<T>> input, std::span<T> output) {
    Threads::all_gather(input, output);
    if (input.size_bytes() % 4 != 0 && rank() == 0) output[input.size() - 1] = T{};
  }
};

constexpr auto check_long_buffers = [](auto& communicator) { ls::testing::check_long_buffers(communicator); };

}  // namespace

TEST_CASE("long buffers that arrive whole pass") {
  for (const int size : {2, 3, 7}) CHECK(found<Right>(size, check_long_buffers) == "nothing");
  ls::Single single;
  ls::testing::check_long_buffers(single);
}

TEST_CASE("rounds and words that are misplaced are found") {
  CHECK(found<MisplacesLastRound>(2, check_long_buffers).find("broadcast: element 0 of ") != std::string::npos);
  CHECK(names(found<CopiesWords>(3, check_long_buffers), "long buffers"));
}
