#include "temporary_directory.hpp"
#include <lockstep/core/philox.hpp>
#include <lockstep/io/safetensors_reader.hpp>
#include <lockstep/io/safetensors_writer.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace ls = lockstep;
using namespace std::string_literals;

namespace {

struct State {
  std::array<float, 6> weight{1, 2, 3, 4, 5, std::numeric_limits<float>::quiet_NaN()};
  std::array<std::uint16_t, 4> half{0x3F80, 0x4000, 0, 0xFFFF};
  std::int64_t step = 41;

  std::vector<ls::StateEntry> entries() {
    return {{"model.weight", ls::DType::float32, {2, 3}, weight.data()},
            {"model.half", ls::DType::bfloat16, {4}, half.data()},
            {"loader.step", ls::DType::int64, {}, &step}};
  }
  bool same_bits(const State& other) const {
    return std::memcmp(weight.data(), other.weight.data(), sizeof weight) == 0 && half == other.half &&
           step == other.step;
  }
  void clear() {
    weight.fill(0);
    half.fill(0);
    step = 0;
  }
};

template <class Function>
std::string message_of(Function function) {
  try {
    function();
  } catch (const ls::CheckpointError& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("safetensors reader: what was written comes back bit for bit, in any order of entries") {
  const TemporaryDirectory place;
  State state;
  ls::write_safetensors(place / "x", state.entries(), {{"epoch", "3"}});
  State loaded;
  loaded.clear();
  auto entries = loaded.entries();
  std::reverse(entries.begin(), entries.end());
  ls::load_safetensors(place / "x", entries);
  CHECK(loaded.same_bits(state));

  const ls::SafetensorsFile file(place / "x");
  CHECK(file.metadata() == ls::Metadata{{"epoch", "3"}});
  CHECK(file.tensors().size() == 3);
  std::int64_t step = 0;
  file.read(*file.find("loader.step"), &step);
  CHECK(step == 41);
}

TEST_CASE("safetensors reader: everything that does not fit is listed, and nothing is changed") {
  const TemporaryDirectory place;
  State state;
  ls::write_safetensors(place / "x", state.entries());
  State target;
  target.clear();
  const State before = target;
  auto entries = target.entries();
  entries[0].shape = {3, 2};
  entries[1].dtype = ls::DType::float16;
  entries[2].name = "loader.epoch";
  const std::string message = message_of([&] { ls::load_safetensors(place / "x", entries); });
  INFO(message);
  CHECK(contains(message, "different: model.weight is F32 [2, 3] in the file, expected F32 [3, 2]"));
  CHECK(contains(message, "different: model.half is BF16 [4] in the file, expected F16 [4]"));
  CHECK(contains(message, "missing: loader.epoch (int64 [])"));
  CHECK(contains(message, "not expected: loader.step (I64 [])"));
  CHECK(contains(message, "nothing was loaded"));
  CHECK(target.same_bits(before));

  // One fault at a time is enough.
  for (std::size_t fault = 0; fault < 5; ++fault) {
    auto faulty = target.entries();
    if (fault == 0) faulty[0].shape = {6};
    if (fault == 1) faulty[1].dtype = ls::DType::int16;
    if (fault == 2) faulty[2].name = "x";
    if (fault == 3) faulty.pop_back();
    if (fault == 4) faulty.push_back(faulty[0]);
    CHECK_THROWS_AS(ls::load_safetensors(place / "x", faulty), ls::CheckpointError);
    CHECK(target.same_bits(before));
  }
}

TEST_CASE("safetensors reader: extra tensors can be ignored") {
  const TemporaryDirectory place;
  State state;
  ls::write_safetensors(place / "x", state.entries());
  std::int64_t step = 0;
  const ls::StateEntry entry{"loader.step", ls::DType::int64, {}, &step};
  ls::load_safetensors(place / "x", {&entry, 1}, ls::ExtraTensors::ignore);
  CHECK(step == 41);
}

TEST_CASE("safetensors reader: files that are none") {
  const TemporaryDirectory place;
  const auto message = [&](std::string_view content) {
    write_text(place / "x", content);
    return message_of([&] { ls::SafetensorsFile file(place / "x"); });
  };
  CHECK(message("\2\0\0\0\0\0\0\0{}"s) == "");
  CHECK(contains(message(""), "only 0 bytes"));
  CHECK(contains(message("1234567"), "only 7 bytes"));
  CHECK(contains(message("\2\0\0\0\0\0\0\0{"s), "ends inside its header"));
  CHECK(contains(message("\1\xE1\xF5\5\0\0\0\0{}"s), "its header would have 100000001 bytes"));
  CHECK(contains(message("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF{}"s), "its header would have"));
  CHECK(contains(message("\0\0\0\0\0\0\0\0"s), "does not start with {"));
  CHECK(contains(message("PK\3\4, a zip file, as torch.save writes it"), "not a valid safetensors file"));
  CHECK_THROWS_WITH_AS(ls::SafetensorsFile(place / "missing"), doctest::Contains("missing"), ls::IoError);
  CHECK_THROWS_WITH_AS(ls::SafetensorsFile(place.path), doctest::Contains("not a regular file"), ls::IoError);
}

TEST_CASE("safetensors reader: thousands of damaged files are refused or read, never worse") {
  const TemporaryDirectory place;
  State state;
  ls::write_safetensors(place / "whole", state.entries());
  const std::string whole = ls::read_file(place / "whole");
  const std::size_t header = 8 + static_cast<unsigned char>(whole[0]);
  ls::Philox random(3);
  int refused = 0;
  for (int round = 0; round < 5000; ++round) {
    std::string content = whole;
    const auto at = static_cast<std::size_t>(random.below(round % 2 == 0 ? header : content.size()));
    if (round % 5 == 0) {
      content.resize(at);
    } else {
      content[at] = static_cast<char>(random.below(256));
    }
    write_text(place / "x", content);
    State loaded;
    loaded.clear();
    const State before = loaded;
    try {
      ls::load_safetensors(place / "x", loaded.entries());
    } catch (const ls::CheckpointError&) {
      ++refused;
      REQUIRE(loaded.same_bits(before));
    }
  }
  CHECK(refused > 2500);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    write_text(place / "x", std::string_view(whole).substr(0, length));
    State loaded;
    CHECK_THROWS_AS(ls::load_safetensors(place / "x", loaded.entries()), ls::CheckpointError);
  }
}
