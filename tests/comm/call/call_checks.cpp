#include <lockstep/comm/call/call_checks.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace ls = lockstep;
using namespace ls::detail;

namespace {

template <class Function>
std::string refusal(Function function) {
  try {
    function();
  } catch (const ls::ArgumentError& error) {
    return error.what();
  }
  return "";
}

std::string ragged(std::vector<std::int64_t> counts, std::size_t input, std::size_t output) {
  return refusal([&] { check_counts(counts, input, output, 1, 3); });
}

}  // namespace

TEST_CASE("integers have no mean") {
  CHECK(refusal([] { check_reduction<float>("all_reduce", ls::Reduction::mean); }).empty());
  CHECK(refusal([] { check_reduction<std::int64_t>("all_reduce", ls::Reduction::max); }).empty());
  CHECK(refusal([] { check_reduction<std::int64_t>("all_reduce", ls::Reduction::mean); }) ==
        "all_reduce<int64>: the mean of integers is not an integer; reduce with Reduction::sum and divide");
  CHECK(refusal([] { check_reduction<float>("all_reduce", static_cast<ls::Reduction>(9)); }) ==
        "all_reduce: 9 is no Reduction");
}

TEST_CASE("pieces must fit the whole") {
  CHECK(refusal([] { check_equal_pieces("all_gather", "output", 6, "input", 2, 3); }).empty());
  CHECK(refusal([] { check_equal_pieces("all_gather", "output", 0, "input", 0, 3); }).empty());
  CHECK(refusal([] { check_equal_pieces("all_gather", "output", 7, "input", 2, 3); }) ==
        "all_gather: with 3 ranks and an input of 2 elements the output must have 6 elements, got 7");
  CHECK(!refusal([] { check_equal_pieces("all_gather", "output", 0, "input", ~std::size_t{0} / 3 + 1, 3); }).empty());
}

TEST_CASE("counts must fit the ranks, the input and the output") {
  CHECK(ragged({1, 2, 3}, 2, 6).empty());
  CHECK(ragged({1, 0, 3}, 0, 4).empty());
  CHECK(ragged({1, 2}, 2, 3) == "all_gather_ragged: expected one count for each of 3 ranks, got 2 counts");
  CHECK(ragged({1, 2, -3}, 2, 6) == "all_gather_ragged: counts[2] is -3; a count is never negative");
  CHECK(ragged({1, 2, 3}, 1, 6) == "all_gather_ragged: counts[1] is 2 but the input of rank 1 has 1 elements");
  CHECK(ragged({1, 2, 3}, 2, 5) == "all_gather_ragged: the counts add up to 6 but the output has 5 elements");
  CHECK(!ragged({std::int64_t{1} << 62, 2, 3}, 2, 5).empty());
}

TEST_CASE("a root is a rank") {
  CHECK(refusal([] { check_root("broadcast", 2, 3); }).empty());
  CHECK(refusal([] { check_root("broadcast", 3, 3); }) == "broadcast: root is 3; the ranks are 0 to 2");
  CHECK(refusal([] { check_root("broadcast", -1, 3); }) == "broadcast: root is -1; the ranks are 0 to 2");
}
