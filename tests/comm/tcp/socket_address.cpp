#include "tcp_test.hpp"
#include <lockstep/comm/tcp/socket_address.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace lockstep;
using namespace lockstep::detail;
using namespace lockstep::testing;

TEST_CASE("numeric addresses need no name server") {
  const auto four = numeric_address("127.0.0.1", 29500);
  REQUIRE(four);
  CHECK(to_string(*four) == "127.0.0.1:29500");
  CHECK(four->is_loopback());
  CHECK_FALSE(four->is_any());
  const auto six = numeric_address("::1", 29500);
  REQUIRE(six);
  CHECK(to_string(*six) == "[::1]:29500");
  CHECK(six->is_loopback());
  CHECK_FALSE(numeric_address("10.1.2.3", 1)->is_loopback());
  CHECK(numeric_address("::ffff:127.0.0.1", 1)->is_loopback());
  CHECK_FALSE(numeric_address("::ffff:10.0.0.1", 1)->is_loopback());
  CHECK(numeric_address("0.0.0.0", 1)->is_any());
  CHECK(numeric_address("::", 1)->is_any());
  CHECK_FALSE(numeric_address("localhost", 1));
  CHECK_FALSE(numeric_address("127.0.0.1", 65536));
  CHECK_FALSE(numeric_address("", 1));
}

TEST_CASE("the port can be changed") {
  for (const char* host : {"127.0.0.1", "::1"}) {
    auto address = *numeric_address(host, 1);
    address.set_port(40000);
    CHECK(address.port() == 40000);
  }
}

TEST_CASE("localhost has an address") {
  const auto addresses = resolve("localhost", 29500, Deadline::after(std::chrono::seconds(10)));
  REQUIRE_FALSE(addresses.empty());
  CHECK(addresses.front().is_loopback());
  CHECK(addresses.front().port() == 29500);
}

TEST_CASE("a name without an address is an error that names it and the port and says what to do") {
  const std::string text = error_text<CommunicationError>(
      [] { resolve("no-such-host.invalid", 29500, Deadline::after(std::chrono::seconds(1))); });
  CHECK(text.find("'no-such-host.invalid' (port 29500) has no address: ") != std::string::npos);
  CHECK(text.find("getent hosts no-such-host.invalid") != std::string::npos);
}

TEST_CASE("an impossible port is an error") {
  CHECK_THROWS_AS(resolve("localhost", 65536, Deadline::after(std::chrono::seconds(1))), ArgumentError);
}
