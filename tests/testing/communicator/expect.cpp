#include <lockstep/comm/single.hpp>
#include <lockstep/testing/communicator/expect.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace ls = lockstep;
namespace detail = lockstep::testing::detail;

TEST_CASE("a failed check says where, what and which element") {
  const ls::Single single;
  detail::expect(true, "reading", single, "nothing to say");
  CHECK_THROWS_WITH_AS(detail::expect(false, "reading", single, "page ", 7, " is blank"),
                       "communicator check 'reading' failed on rank 0 of 1: page 7 is blank", ls::Error);
  std::vector<ls::BFloat16> values{ls::BFloat16(0.0f), ls::BFloat16(1.0f), ls::BFloat16(3.0f)};
  const auto index = [](std::size_t i) { return ls::BFloat16(static_cast<float>(i)); };
  CHECK_THROWS_WITH_AS(detail::expect_elements(std::span(values), index, "reading", single, "the shelf"),
                       "communicator check 'reading' failed on rank 0 of 1: the shelf: element 2 of 3 (bfloat16) is 3, "
                       "expected 2",
                       ls::Error);
  values[2] = ls::BFloat16(2.0f);
  detail::expect_elements(std::span(values), index, "reading", single, "the shelf");
}

TEST_CASE("floating-point numbers may differ by rounding, others may not") {
  CHECK(detail::same(1.0f / 3.0f, 10.0f / 30.0f + 0x1p-25f));
  CHECK(!detail::same(1.0f, 1.00001f));
  CHECK(!detail::same(3, 4));
  CHECK(!detail::same(ls::Float16(1.0f), ls::Float16(1.001f)));
}

TEST_CASE("only ArgumentError is the refusal that is asked for") {
  const ls::Single single;
  detail::expect_argument_error(single, "nonsense", [] { throw ls::ArgumentError("no"); });
  CHECK_THROWS_WITH_AS(detail::expect_argument_error(single, "nonsense", [] {}),
                       "communicator check 'arguments' failed on rank 0 of 1: nonsense was accepted; ArgumentError was "
                       "expected",
                       ls::Error);
  CHECK_THROWS_AS(detail::expect_argument_error(single, "nonsense", [] { throw ls::CommunicationError("other"); }),
                  ls::CommunicationError);
}
