#include <lockstep/comm/schedule/collective_part.hpp>

#include <doctest/doctest.h>

#include <utility>

using namespace lockstep::detail;

TEST_CASE("neighbours are cyclic") {
  CollectivePart part;
  part.size = 5;
  part.rank = 3;
  CHECK(part.after(1) == 4);
  CHECK(part.after(2) == 0);
  CHECK(part.before(3) == 0);
  CHECK(part.before(4) == 4);
}

TEST_CASE("a line is 64 bytes, or an element that is larger") {
  CollectivePart part;
  for (const auto& [element, line] :
       {std::pair<std::size_t, std::uint64_t>{1, 64}, {2, 32}, {4, 16}, {8, 8}, {100, 1}}) {
    part.element = element;
    CHECK(part.line() == line);
  }
}

TEST_CASE("slices cover the vector, begin at lines, differ by one line at most, and nest") {
  for (const std::uint64_t count : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{17}, std::uint64_t{1000}}) {
    for (const int slices : {1, 2, 3, 7, 12, 64}) {
      CHECK(cut(count, 16, slices, 0) == 0);
      CHECK(cut(count, 16, slices, slices) == count);
      for (int index = 0; index < slices; ++index) {
        const std::uint64_t begin = cut(count, 16, slices, index), end = cut(count, 16, slices, index + 1);
        CHECK(begin <= end);
        CHECK((begin % 16 == 0 || begin == count));
        CHECK(end - begin <= (count / 16 / static_cast<std::uint64_t>(slices) + 2) * 16);
        CHECK(cut(count, 16, 2 * slices, 2 * index) == begin);
      }
    }
  }
}

TEST_CASE("the largest vector is cut without overflow") {
  constexpr std::uint64_t largest = (std::uint64_t{1} << 44) - 1;
  CHECK(cut(largest, 1, 65535, 65535) == largest);
  CHECK(cut(largest, 1, 65535, 65534) < largest);
  CHECK(cut(largest, 1, 65535, 65534) > largest - (std::uint64_t{1} << 30));
}

TEST_CASE("heights and reversed bits") {
  CHECK(tree_height(1) == 0);
  CHECK(tree_height(2) == 1);
  CHECK(tree_height(5) == 3);
  CHECK(tree_height(4096) == 12);
  CHECK(reversed(0b001, 3) == 0b100);
  CHECK(reversed(0b110, 3) == 0b011);
  CHECK(reversed(5, 0) == 0);
}
