#include <lockstep/comm/single.hpp>
#include <lockstep/testing/communicator/values.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>

namespace ls = lockstep;
namespace detail = lockstep::testing::detail;

TEST_CASE("marks are the same in every type and tell 64 sources apart at every index") {
  for (std::size_t index = 0; index < 300; ++index) {
    std::set<int> seen;
    for (int source = 0; source < 64; ++source) {
      const int mark = detail::mark<std::int32_t>(source, index);
      CHECK(mark >= 0);
      CHECK(mark < 127);
      CHECK(detail::mark<ls::BFloat16>(source, index) == static_cast<float>(mark));
      CHECK(detail::mark<std::uint8_t>(source, index) == mark);
      seen.insert(mark);
    }
    CHECK(seen.size() == 64);
  }
}

TEST_CASE("small values differ between ranks, and their reductions are exact") {
  for (int a = 0; a < 8; ++a) {
    for (int b = 0; b < a; ++b) {
      int differences = 0;
      for (std::size_t i = 0; i < detail::small_period; ++i) {
        differences += detail::small_value<int>(a, i) != detail::small_value<int>(b, i);
      }
      CHECK(differences > 20);
    }
  }
  for (std::size_t i = 0; i < 2 * detail::small_period; ++i) {
    float sum = 0, product = 1;
    for (int rank = 0; rank < 5; ++rank) {
      const float value = detail::small_value<ls::Float16>(rank, i);
      CHECK((value == 1.0f || value == 2.0f || value == 3.0f));
      sum += value;
      product *= value;
    }
    CHECK(detail::expected_small<ls::Float16>(ls::Reduction::sum, 5)(i) == sum);
    CHECK(detail::expected_small<double>(ls::Reduction::product, 5)(i) == double{product});
    CHECK(detail::expected_small<double>(ls::Reduction::mean, 5, 4)(i + detail::small_period - 4) == double{sum} / 5);
    CHECK(detail::expected_small<std::int64_t>(ls::Reduction::min, 1)(i) == detail::small_value<int>(0, i));
    CHECK(detail::expected_small<std::int64_t>(ls::Reduction::max, 2)(i) ==
          std::max(detail::small_value<int>(0, i), detail::small_value<int>(1, i)));
  }
}

TEST_CASE("both memories are aligned for their elements and for nothing more") {
  ls::Single single;
  int runs = 0;
  detail::on_both_memories<ls::Float16>(single, 10, [&](std::span<ls::Float16> buffer) {
    ++runs;
    CHECK(buffer.size() == 10);
    CHECK(std::bit_cast<std::uintptr_t>(buffer.data()) % 4 == 2);
    buffer[9] = ls::Float16(1.0f);
  });
  CHECK(runs == 2);
}
