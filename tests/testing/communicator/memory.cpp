#include "../faulty_threads.hpp"
#include <lockstep/comm/single.hpp>
#include <lockstep/testing/communicator/memory.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>

namespace ls = lockstep;
using ls::testing::FaultyThreads, ls::testing::found;

namespace {

struct Dirty : FaultyThreads<Dirty> {
  using FaultyThreads::FaultyThreads;
  Memory allocate(std::size_t bytes) {
    Memory memory = Threads::allocate(bytes);
    if (bytes > 0) memory.data()[bytes - 1] = std::byte{1};
    return memory;
  }
};

struct TooLarge : FaultyThreads<TooLarge> {
  using FaultyThreads::FaultyThreads;
  Memory allocate(std::size_t bytes) { return Threads::allocate((bytes + 63) / 64 * 64); }
};

constexpr auto check_allocate = [](auto& communicator) { ls::testing::check_allocate(communicator); };

}  // namespace

TEST_CASE("memory that is not as promised is found") {
  CHECK(found<Dirty>(1, check_allocate) ==
        "communicator check 'allocate' failed on rank 0 of 1: 1 bytes are not zero-filled");
  CHECK(found<TooLarge>(2, check_allocate).find("asked for 1 bytes, got 64") != std::string::npos);
  ls::Single single;
  ls::testing::check_allocate(single);
}
