#include <lockstep/core/philox.hpp>
#include <lockstep/io/safetensors_header.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace ls = lockstep;

namespace {

/// What is wrong with a header of a file with so many bytes of data; nothing when it is right.
std::string fault(std::string_view text, std::uint64_t data_bytes) {
  try {
    ls::parse_safetensors_header(text, data_bytes, "x.safetensors");
    return "";
  } catch (const ls::CheckpointError& error) {
    return error.what();
  }
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

/// A header with one tensor.
std::string one(const char* dtype, const char* shape, const char* offsets) {
  return ls::concat(R"({"t":{"dtype":")", dtype, R"(","shape":)", shape, R"(,"data_offsets":)", offsets, "}}");
}

}  // namespace

TEST_CASE("safetensors header: reads what the format allows") {
  const ls::SafetensorsHeader header = ls::parse_safetensors_header(
      R"({"b":{"data_offsets":[4,28],"shape":[2,3],"dtype":"F32","more":[{}]},"__metadata__":{"k":"v"},)"
      R"("a":{"dtype":"BF16","shape":[],"data_offsets":[0,2]},"e":{"dtype":"F64","shape":[0,9],"data_offsets":[2,2]},)"
      R"("c":{"dtype":"F4","shape":[4],"data_offsets":[2,4]}}   )",
      28, "x");
  REQUIRE(header.tensors.size() == 4);
  CHECK(header.tensors[0].name == "a");
  CHECK(header.tensors[3].name == "e");
  const ls::SafetensorsTensor* b = header.find("b");
  REQUIRE(b != nullptr);
  CHECK(b->type->dtype == ls::DType::float32);
  CHECK(b->shape == std::vector<std::int64_t>{2, 3});
  CHECK(b->begin == 4);
  CHECK(b->bytes() == 24);
  CHECK(!header.find("c")->type->supported);
  CHECK(header.find("d") == nullptr);
  CHECK(header.metadata == ls::Metadata{{"k", "v"}});
  CHECK(fault("{}", 0) == "");
}

TEST_CASE("safetensors header: there is a type of the format for every DType, of the same size") {
  for (int i = 0; i <= static_cast<int>(ls::DType::float64); ++i) {
    const auto dtype = static_cast<ls::DType>(i);
    const ls::SafetensorsType* type = ls::detail::safetensors_type_of(dtype);
    REQUIRE(type != nullptr);
    CHECK(type->bits == 8 * ls::size_of(dtype));
    CHECK(ls::detail::find_safetensors_type(type->name) == type);
  }
}

TEST_CASE("safetensors header: refuses what is no header") {
  CHECK(contains(fault("", 0), "does not start with {"));
  CHECK(contains(fault(" {}", 0), "does not start with {"));
  CHECK(contains(fault("{", 0), "invalid JSON"));
  CHECK(contains(fault("{}x", 0), "invalid JSON"));
  CHECK(contains(fault("{\"\xFF\":1}", 0), "UTF-8"));
  CHECK(contains(fault(R"({"t":1})", 0), "expected an object"));
  CHECK(contains(fault(std::string("{\"t\":") + std::string(100'000, '['), 0), "invalid JSON"));
}

TEST_CASE("safetensors header: refuses incomplete, repeated and unknown members") {
  CHECK(fault(one("U8", "[2]", "[0,2]"), 2) == "");
  CHECK(contains(fault(R"({"t":{"shape":[],"data_offsets":[0,1]}})", 1), "lacks"));
  CHECK(contains(fault(R"({"t":{"dtype":"U8","data_offsets":[0,1]}})", 1), "lacks"));
  CHECK(contains(fault(R"({"t":{"dtype":"U8","shape":[1]}})", 1), "lacks"));
  CHECK(contains(fault(R"({"t":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1), "two dtypes"));
  CHECK(contains(fault(R"({"t":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}})", 1), "two shapes"));
  CHECK(contains(fault(R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"data_offsets":[0,1]}})", 1),
                 "two data_offsets"));
  CHECK(contains(fault(one("U8", "[1]", "[0,1,2]"), 1), "has 3 data_offsets"));
  CHECK(contains(fault(one("U8", "[1]", "[0]"), 1), "has 1 data_offsets"));
  CHECK(contains(fault(one("F128", "[1]", "[0,16]"), 16), "unknown dtype 'F128'"));
  CHECK(contains(fault(R"({"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"t":{"dtype":"U8","shape":[0],)"
                       R"("data_offsets":[0,0]}})",
                       0),
                 "'t' stands there twice"));
  CHECK(contains(fault(R"({"__metadata__":{},"__metadata__":{}})", 0), "__metadata__ stands there twice"));
  CHECK(contains(fault(R"({"__metadata__":{"a":"1","b":"","a":"2"}})", 0), "'a' stand there twice"));
  CHECK(contains(fault(R"({"__metadata__":{"a":1}})", 0), "expected a string"));
  CHECK(contains(fault(R"({"__metadata__":{"a":{}}})", 0), "expected a string"));
}

TEST_CASE("safetensors header: refuses numbers that lie") {
  CHECK(contains(fault(one("U8", "[-1]", "[0,1]"), 1), "negative"));
  CHECK(contains(fault(one("U8", "[1]", "[-1,0]"), 1), "negative"));
  CHECK(contains(fault(one("U8", "[1.0]", "[0,1]"), 1), "whole number"));
  CHECK(contains(fault(one("U8", "[1]", "[0,18446744073709551616]"), 1), "whole number"));
  CHECK(contains(fault(one("F32", "[1]", "[0,3]"), 3), "has 3 bytes"));
  CHECK(contains(fault(one("F32", "[2]", "[4,0]"), 8), "should begin at 0"));
  CHECK(contains(fault(one("F32", "[]", "[1,5]"), 5), "should begin at 0"));
  CHECK(contains(fault(one("F4", "[1]", "[0,1]"), 1), "need 4 bits"));
  CHECK(contains(fault(one("F4", "[3]", "[0,1]"), 1), "need 12 bits"));
  CHECK(contains(fault(one("F32", "[4611686018427387904,4]", "[0,0]"), 0), "overflows"));
  CHECK(contains(fault(one("U8", "[4611686018427387904,8,0]", "[0,0]"), 0), "overflows"));
  CHECK(contains(fault(one("U8", "[2305843009213693952]", "[0,0]"), 0), "overflows"));
  CHECK(contains(fault(one("U8", "[2]", "[0,2]"), 1), "cut short"));
  CHECK(contains(fault(one("U8", "[2]", "[0,2]"), 3), "has 3 bytes of data"));
  CHECK(contains(fault("{}", 1), "has 1 bytes of data"));
}

TEST_CASE("safetensors header: refuses holes and overlaps") {
  const auto two = [](const char* a, const char* b) {
    return ls::concat(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)", a,
                      R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)", b, "}}");
  };
  CHECK(fault(two("[0,2]", "[2,4]"), 4) == "");
  CHECK(fault(two("[2,4]", "[0,2]"), 4) == "");
  CHECK(contains(fault(two("[0,2]", "[3,5]"), 5), "should begin at 2"));
  CHECK(contains(fault(two("[0,2]", "[1,3]"), 3), "should begin at 2"));
  CHECK(contains(fault(two("[0,2]", "[0,2]"), 2), "should begin at 2"));
}

TEST_CASE("safetensors header: thousands of damaged headers are refused or consistent") {
  const std::string whole =
      R"({"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("b":{"dtype":"I64","shape":[],"data_offsets":[24,32]},"e":{"dtype":"U8","shape":[0],"data_offsets":[32,32]}}  )";
  REQUIRE(fault(whole, 32) == "");
  const std::string alphabet = "{}[]\",:0123456789.-eFUI \\u\xC3\x01";
  ls::Philox random(2);
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = whole;
    const auto changes = 1 + random.below(4);
    for (std::uint64_t i = 0; i < changes && !text.empty(); ++i) {
      const auto at = static_cast<std::size_t>(random.below(text.size()));
      const char c = alphabet[static_cast<std::size_t>(random.below(alphabet.size()))];
      switch (random.below(4)) {
        case 0:
          text[at] = c;
          break;
        case 1:
          text.insert(at, 1, c);
          break;
        case 2:
          text.erase(at, 1 + static_cast<std::size_t>(random.below(10)));
          break;
        default:
          text.resize(at);
      }
    }
    try {
      const ls::SafetensorsHeader header = ls::parse_safetensors_header(text, 32, "x");
      ++accepted;
      std::uint64_t bytes = 0;
      for (const ls::SafetensorsTensor& tensor : header.tensors) {
        REQUIRE(tensor.end <= 32);
        bytes += tensor.bytes();
      }
      REQUIRE(bytes == 32);
    } catch (const ls::CheckpointError&) {}
  }
  CHECK(accepted > 100);  // changed names and metadata are valid
  CHECK(accepted < 10'000);
}
