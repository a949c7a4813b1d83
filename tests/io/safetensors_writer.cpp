#include "temporary_directory.hpp"
#include <lockstep/io/safetensors_writer.hpp>

#include <doctest/doctest.h>

#include <sys/resource.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

namespace ls = lockstep;
using namespace std::string_literals;

TEST_CASE("safetensors writer: byte for byte what the Python package writes") {
  // safetensors 0.8.0: safetensors.numpy.save({...}, metadata={"format": "lockstep"}).
  const std::string expected =
      "\x80\x01\0\0\0\0\0\0"s
      R"({"__metadata__":{"format":"lockstep"},"step":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
      R"("z":{"dtype":"F64","shape":[1],"data_offsets":[8,16]},)"
      R"("b.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[16,40]},)"
      R"("empty":{"dtype":"F32","shape":[0,4],"data_offsets":[40,40]},)"
      R"("n":{"dtype":"I32","shape":[2],"data_offsets":[40,48]},)"
      R"("a":{"dtype":"U8","shape":[3],"data_offsets":[48,51]}}   )"
      "\x07\0\0\0\0\0\0\0"
      "\0\0\0\0\0\0\xf8?"
      "\0\0\0\0\0\0\x80?\0\0\0@\0\0@@\0\0\x80@\0\0\xa0@"
      "\xff\xff\xff\xff\x02\0\0\0"
      "\x01\x02\xff"s;
  std::array<float, 6> weight{0, 1, 2, 3, 4, 5};
  std::array<std::uint8_t, 3> a{1, 2, 255};
  std::array<std::int32_t, 2> n{-1, 2};
  std::int64_t step = 7;
  double z = 1.5;
  const std::vector<ls::StateEntry> entries{{"b.weight", ls::DType::float32, {2, 3}, weight.data()},
                                            {"a", ls::DType::uint8, {3}, a.data()},
                                            {"step", ls::DType::int64, {}, &step},
                                            {"z", ls::DType::float64, {1}, &z},
                                            {"empty", ls::DType::float32, {0, 4}, nullptr},
                                            {"n", ls::DType::int32, {2}, n.data()}};
  const TemporaryDirectory place;
  const ls::FileSummary summary = ls::write_safetensors(place / "x.safetensors", entries, {{"format", "lockstep"}});
  const std::string content = ls::read_file(place / "x.safetensors");
  CHECK(content == expected);
  CHECK(summary.size == content.size());
  CHECK(summary.checksum == ls::xxhash64(content.data(), content.size()));
}

TEST_CASE("safetensors writer: large tensors are hashed and written in portions") {
  std::vector<float> values(1'000'003);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const ls::StateEntry entry{"v", ls::DType::float32, {1'000'003}, values.data()};
  const TemporaryDirectory place;
  const ls::FileSummary summary = ls::write_safetensors(place / "x", {&entry, 1});
  const std::string content = ls::read_file(place / "x");
  CHECK(summary.checksum == ls::xxhash64(content.data(), content.size()));
  CHECK(std::memcmp(content.data() + content.size() - 4 * values.size(), values.data(), 4 * values.size()) == 0);
}

TEST_CASE("safetensors writer: names that a file cannot have are refused before anything is written") {
  float x = 0;
  const TemporaryDirectory place;
  const auto refuse = [&](std::vector<ls::StateEntry> entries, const ls::Metadata& metadata = {}) {
    CHECK_THROWS_AS(ls::write_safetensors(place / "x", entries, metadata), ls::ArgumentError);
    CHECK(ls::list_directory(place.path).empty());
  };
  refuse({{"a", ls::DType::float32, {}, &x}, {"b", ls::DType::float32, {}, &x}, {"a", ls::DType::float32, {}, &x}});
  refuse({{"a", ls::DType::float32, {}, &x}, {"a", ls::DType::int32, {}, &x}});
  refuse({{"__metadata__", ls::DType::float32, {}, &x}});
  refuse({{"\xFF", ls::DType::float32, {}, &x}});
  refuse({{"a", ls::DType::float32, {}, nullptr}});
  refuse({}, {{"key", "\xFF"}});
  refuse({}, {{"key", "a"}, {"key", "b"}});
}

TEST_CASE("safetensors writer: saving over a file leaves the old or the new one") {
  float x = 1;
  const ls::StateEntry entry{"x", ls::DType::float32, {}, &x};
  const TemporaryDirectory place;
  ls::save_safetensors(place / "model", {&entry, 1});
  const std::string old = ls::read_file(place / "model");
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{64, 64};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::vector<float> large(1000);
    const ls::StateEntry too_large{"x", ls::DType::float32, {1000}, large.data()};
    try {
      ls::save_safetensors(place / "model", {&too_large, 1});
    } catch (const ls::IoError& error) {
      ::_exit(std::string(error.what()).find("File too large") != std::string::npos ? 0 : 2);
    }
    ::_exit(1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(ls::list_directory(place.path) == std::vector<std::string>{"model"});
  CHECK(ls::read_file(place / "model") == old);
  x = 2;
  ls::save_safetensors(place / "model", {&entry, 1});
  CHECK(ls::read_file(place / "model") != old);
  CHECK_THROWS_WITH_AS(ls::save_safetensors(place / "missing/model", {&entry, 1}), doctest::Contains("missing/model"),
                       ls::IoError);
}
