#include <lockstep/core/philox.hpp>
#include <lockstep/io/json_reader.hpp>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace ls = lockstep;

namespace {

/// Whether the reader takes the whole text as one value.
bool accepts(std::string_view text) {
  try {
    ls::JsonReader json(text, "text");
    json.skip();
    json.finish();
    return true;
  } catch (const ls::CheckpointError&) {
    return false;
  }
}

std::string string_of(std::string_view text) { return ls::JsonReader(text, "text").string(); }
std::int64_t integer_of(std::string_view text) {
  ls::JsonReader json(text, "text");
  const std::int64_t value = json.integer();
  json.finish();
  return value;
}

}  // namespace

TEST_CASE("json reader: walks objects and arrays") {
  ls::JsonReader json(R"( { "a" : [ 1 , -2, [] ], "b":{"x":true,"y":null}, "c":"z", "d":{} ,"e":0.5e1} )", "text");
  std::string key;
  json.begin_object();
  REQUIRE(json.next_member(key));
  CHECK(key == "a");
  json.begin_array();
  REQUIRE(json.next_element());
  CHECK(json.integer() == 1);
  REQUIRE(json.next_element());
  CHECK(json.integer() == -2);
  REQUIRE(json.next_element());
  json.begin_array();
  CHECK(!json.next_element());
  CHECK(!json.next_element());
  REQUIRE(json.next_member(key));
  CHECK(key == "b");
  json.begin_object();
  REQUIRE(json.next_member(key));
  CHECK(json.boolean());
  REQUIRE(json.next_member(key));
  json.null();
  CHECK(!json.next_member(key));
  REQUIRE(json.next_member(key));
  CHECK(json.string() == "z");
  REQUIRE(json.next_member(key));
  json.skip();
  REQUIRE(json.next_member(key));
  CHECK(key == "e");
  CHECK(json.number() == 5.0);
  CHECK(!json.next_member(key));
  json.finish();
}

TEST_CASE("json reader: strings") {
  CHECK(string_of(R"("")") == "");
  CHECK(string_of(R"("\"\\\/\b\f\n\r\t")") == "\"\\/\b\f\n\r\t");
  CHECK(string_of(R"("\u0041\u00e9\u20AC\ud83d\ude00")") == "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  CHECK(string_of(R"("\u0000")") == std::string(1, '\0'));
  CHECK(string_of("\"\xC3\xA9\"") == "\xC3\xA9");
  for (const char* wrong :
       {R"("\ud83d")", R"("\ud83dx")", R"("\ud83d\u0041")", R"("\ude00")", R"("\u12")", R"("\u12g4")", R"("\u-123")",
        R"("\x41")", R"("\)", R"("abc)", "\"a\nb\"", "\"\x80\"", "'a'"}) {
    INFO(wrong);
    CHECK(!accepts(wrong));
  }
}

TEST_CASE("json reader: whole numbers") {
  CHECK(integer_of("0") == 0);
  CHECK(integer_of("-0") == 0);
  CHECK(integer_of("9223372036854775807") == INT64_MAX);
  CHECK(integer_of("-9223372036854775808") == INT64_MIN);
  for (const char* wrong : {"9223372036854775808", "1.0", "1e3", "01", "-", "+1", "0x10", "", "\"1\"", "1 2", "NaN"}) {
    INFO(wrong);
    CHECK_THROWS_AS(integer_of(wrong), ls::CheckpointError);
  }
}

TEST_CASE("json reader: accepts and refuses what the standard does") {
  for (const char* right : {"1", "-1.5e-3", "1E+2", "[]", "{}", "[1,2]", " [ ] ", "{\"a\":{\"b\":[{}]}}", "null",
                            "true", "false", "\"\"", "0.0", "[[[[[[]]]]]]", "\t\r\n 1"}) {
    INFO(right);
    CHECK(accepts(right));
  }
  for (const char* wrong : {"",
                            " ",
                            "[1,]",
                            "[,1]",
                            "[1 2]",
                            "{,}",
                            "{\"a\"}",
                            "{\"a\":}",
                            "{\"a\":1,}",
                            "{a:1}",
                            "[1",
                            "{\"a\":1",
                            "]",
                            "}",
                            "[}",
                            "{]",
                            "{\"a\":1]",
                            "[1}",
                            "1.",
                            ".5",
                            "1e",
                            "1e+",
                            "-a",
                            "tru",
                            "nul",
                            "True",
                            "[1]x",
                            "1 1",
                            "/* c */ 1",
                            "[1] // c",
                            "\xEF\xBB\xBF[1]",
                            "[\f1]"}) {
    INFO(wrong);
    CHECK(!accepts(wrong));
  }
  CHECK(!accepts(std::string_view("1\0", 2)));
  CHECK(!accepts(std::string_view("[\0]", 3)));
}

TEST_CASE("json reader: nesting is bounded") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(accepts(nested(ls::JsonReader::max_depth)));
  CHECK(!accepts(nested(ls::JsonReader::max_depth + 1)));
  CHECK(!accepts(std::string(1'000'000, '[')));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  CHECK(!accepts(objects));
}

TEST_CASE("json reader: says where") {
  CHECK_THROWS_WITH_AS(ls::JsonReader("[1]", "manifest.json").begin_object(),
                       "manifest.json: invalid JSON at byte 0: expected an object", ls::CheckpointError);
}

TEST_CASE("json reader: agrees with another library on thousands of damaged texts") {
  const std::string whole =
      R"({"name":{"dtype":"F32","shape":[2,-3],"data_offsets":[0,24.5e1]},"__metadata__":{"\u00e9":"a\n"},"x":[true,null]})";
  const std::string alphabet = "{}[]\",:\\ue0123.-+Etrufalsn \n\x01\xC3\xA9\x80";
  ls::Philox random(1);
  int valid = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = whole;
    const auto changes = 1 + random.below(3);
    for (std::uint64_t i = 0; i < changes; ++i) {
      const auto at = static_cast<std::size_t>(random.below(text.size()));
      const char c = alphabet[static_cast<std::size_t>(random.below(alphabet.size()))];
      switch (random.below(3)) {
        case 0:
          text[at] = c;
          break;
        case 1:
          text.insert(at, 1, c);
          break;
        default:
          text.erase(at, 1 + static_cast<std::size_t>(random.below(4)));
      }
    }
    INFO(text);
    const bool ours = accepts(text);
    REQUIRE(ours == nlohmann::json::accept(text));
    valid += ours ? 1 : 0;
  }
  CHECK(valid > 500);
}
