#include <lockstep/comm/launch/fnv1a.hpp>

#include <doctest/doctest.h>

#include <string_view>

using lockstep::detail::Fnv1a;

TEST_CASE("a text's hash is that of its bytes and 0xff") {
  // Computed from the definition, with offset basis 14695981039346656037 and prime 1099511628211.
  CHECK(Fnv1a().value() == 0xcbf29ce484222325U);
  CHECK(Fnv1a().mix("").value() == 0xaf64724c8602eb6eU);
  CHECK(Fnv1a().mix("foobar").value() == 0x34524ba7168a2c15U);
  CHECK(Fnv1a().mix("a").mix("b").value() == 0xd2b371819297f98aU);
}

TEST_CASE("where a text ends matters") {
  CHECK(Fnv1a().mix("ab").mix("c").value() != Fnv1a().mix("a").mix("bc").value());
  CHECK(Fnv1a().mix("ab").value() != Fnv1a().mix("ab").mix("").value());
  CHECK(Fnv1a().mix(std::string_view("a\0", 2)).value() != Fnv1a().mix("a").value());
}
