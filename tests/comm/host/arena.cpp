#include <lockstep/comm/host/arena.hpp>
#include <lockstep/core/shared.hpp>

#include <doctest/doctest.h>

#include <signal.h>
#include <sys/resource.h>

#include <cstddef>
#include <memory>
#include <utility>

namespace ls = lockstep;
using ls::detail::ArenaMemory;
using ls::detail::ArenaTable;

TEST_CASE("shared memory is zero-filled, and nobody can resize it") {
  const ls::FileDescriptor memory = ls::detail::make_sealed_memory(100'000);
  REQUIRE(memory);
  CHECK(ls::detail::is_sealed_memory(memory, 100'000));
  CHECK(!ls::detail::is_sealed_memory(memory, 99'999));
  CHECK(::ftruncate(memory.get(), 10) != 0);
  CHECK(::ftruncate(memory.get(), 200'000) != 0);
  CHECK(ls::detail::reserve_pages(memory, 4096, 50'000) == 0);
  const auto first = ls::detail::map_shared(memory, 100'000), second = ls::detail::map_shared(memory, 100'000);
  REQUIRE(first.data() != nullptr);
  REQUIRE(second.data() != nullptr);
  CHECK(first.data()[99'999] == std::byte{0});
  first.data()[50'000] = std::byte{7};
  CHECK(second.data()[50'000] == std::byte{7});
}

TEST_CASE("memory that could be truncated is not taken") {
  const ls::FileDescriptor open(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(open);
  REQUIRE(::ftruncate(open.get(), 4096) == 0);
  CHECK(!ls::detail::is_sealed_memory(open, 4096));
}

TEST_CASE("a shortage is an error code") {
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit small{4096, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  CHECK(!ls::detail::make_sealed_memory(1 << 20));
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  ::signal(SIGXFSZ, SIG_DFL);
}

TEST_CASE("an address belongs to the allocation in whose own part it lies with all its bytes") {
  const auto table = lockstep::Shared<ArenaTable>::make();
  alignas(64) std::byte bytes[4096];
  table->add({7, bytes, 1024, bytes + 1024});
  CHECK(table->by_address(bytes + 1024, 1024)->number == 7);
  CHECK(table->by_address(bytes + 2000, 48)->number == 7);
  CHECK(table->by_address(bytes + 2000, 49) == nullptr);
  CHECK(table->by_address(bytes + 1023, 1) == nullptr);
  CHECK(table->by_address(bytes + 1024, ~std::size_t{0}) == nullptr);
  CHECK(table->by_number(8) == nullptr);
  {
    ArenaMemory memory(table, 7, {}, bytes + 1024, 1000);
    ArenaMemory moved = std::move(memory);
    CHECK(moved.size() == 1000);
    CHECK(table->by_number(7) != nullptr);
  }
  CHECK(table->by_number(7) == nullptr);
}
