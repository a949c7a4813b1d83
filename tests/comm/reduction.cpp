#include <lockstep/comm/reduction.hpp>

#include <doctest/doctest.h>

#include <string>

namespace ls = lockstep;

TEST_CASE("reductions have the names that messages show") {
  CHECK(std::string(to_string(ls::Reduction::sum)) == "sum");
  CHECK(std::string(to_string(ls::Reduction::mean)) == "mean");
  CHECK(std::string(to_string(ls::Reduction::min)) == "min");
  CHECK(std::string(to_string(ls::Reduction::max)) == "max");
  CHECK(std::string(to_string(ls::Reduction::product)) == "product");
  CHECK(std::string(to_string(static_cast<ls::Reduction>(99))) == "unknown");
}
