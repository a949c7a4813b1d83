#include <lockstep/io/json_writer.hpp>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <limits>
#include <string>

namespace ls = lockstep;

TEST_CASE("json writer: puts commas where they belong") {
  ls::JsonWriter json;
  json.begin_object();
  json.key("empty");
  json.begin_array();
  json.end_array();
  json.key("numbers");
  json.begin_array();
  json.value(1);
  json.value(INT64_MIN);
  json.value(UINT64_MAX);
  json.begin_object();
  json.end_object();
  json.value(true);
  json.end_array();
  json.key("text");
  json.value("x");
  json.end_object();
  CHECK(json.text() == R"({"empty":[],"numbers":[1,-9223372036854775808,18446744073709551615,{},true],"text":"x"})");
}

TEST_CASE("json writer: strings of any characters are read back by another library") {
  std::string all;
  for (char c = 0; c < 127; ++c) all += c;
  all += "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
  ls::JsonWriter json;
  json.value(all);
  CHECK(nlohmann::json::parse(json.text()).get<std::string>() == all);
}

TEST_CASE("json writer: numbers are read back exactly") {
  for (const double number : {0.0, -0.5, 0.1, 1e300, 5e-324, 3.0, std::numeric_limits<double>::max(), 1.0 / 3}) {
    ls::JsonWriter json;
    json.value(number);
    CHECK(nlohmann::json::parse(json.text()).get<double>() == number);
  }
  ls::JsonWriter json;
  CHECK_THROWS_AS(json.value(std::numeric_limits<double>::infinity()), ls::ArgumentError);
  CHECK_THROWS_AS(json.value(std::numeric_limits<double>::quiet_NaN()), ls::ArgumentError);
  CHECK(json.text().empty());
}
