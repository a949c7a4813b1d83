#include <lockstep/accelerator/named.hpp>

#include <doctest/doctest.h>

TEST_CASE("named keeps the object and its name") {
  const auto pair = lockstep::named("generator", 3);
  CHECK(pair.name == "generator");
  CHECK(pair.object == 3);
}
