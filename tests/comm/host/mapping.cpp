#include <lockstep/comm/host/mapping.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <new>
#include <utility>

using namespace lockstep::detail;

TEST_CASE("a mapping is zero-filled, moves and goes back") {
  Mapping first = map_private(100'000);
  CHECK(first.size() == 100'000);
  CHECK(first.data()[99'999] == std::byte{0});
  std::byte* data = first.data();
  Mapping second = std::move(first);
  CHECK(first.data() == nullptr);
  CHECK(second.data() == data);
  second = Mapping();
  CHECK(second.data() == nullptr);
}

TEST_CASE("what the system cannot give is an exception") {
  CHECK_THROWS_AS(map_private(std::size_t{1} << 62), std::bad_alloc);
}
