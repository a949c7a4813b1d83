#include "temporary_directory.hpp"
#include <lockstep/core/philox.hpp>
#include <lockstep/io/checkpoint_reader.hpp>
#include <lockstep/io/checkpoint_writer.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace ls = lockstep;

namespace {

struct State {
  std::array<float, 4> weight{1, 2, 3, 4};
  std::int64_t step = 12;
  std::vector<ls::StateEntry> model() { return {{"weight", ls::DType::float32, {4}, weight.data()}}; }
  std::vector<ls::StateEntry> loop() { return {{"step", ls::DType::int64, {}, &step}}; }
};

void save(const std::string& directory, State& state) {
  ls::CheckpointWriter writer(directory, state.step, {{"world_size", "2"}});
  writer.write("model.safetensors", state.model(), {{"format", "pt"}});
  writer.write("loop.safetensors", state.loop());
  writer.commit();
}

std::string message_of(const std::string& directory, ls::Verification verification = ls::Verification::checksums) {
  try {
    ls::CheckpointReader reader(directory, verification);
  } catch (const ls::CheckpointError& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("checkpoint reader: gives back what was saved") {
  const TemporaryDirectory place;
  State state;
  save(place / "step-12", state);
  const ls::CheckpointReader reader(place / "step-12/");
  CHECK(reader.step() == 12);
  CHECK(reader.path() == place / "step-12");
  CHECK(reader.metadata("world_size") == "2");
  CHECK(reader.metadata("missing") == "");
  CHECK(reader.files().size() == 2);
  CHECK(reader.contains("loop.safetensors"));
  State loaded;
  loaded.weight.fill(0);
  loaded.step = 0;
  reader.open("model.safetensors").load(loaded.model());
  reader.open("loop.safetensors").load(loaded.loop());
  CHECK(loaded.weight == state.weight);
  CHECK(loaded.step == 12);
  CHECK_THROWS_WITH_AS(reader.open("optimizer.safetensors"),
                       doctest::Contains("it has: model.safetensors loop.safetensors"), ls::CheckpointError);
}

TEST_CASE("checkpoint reader: what is no checkpoint says why") {
  const TemporaryDirectory place;
  CHECK(contains(message_of(place / "missing"), "it does not exist"));
  CHECK(contains(message_of(place / "missing/deeper"), "it does not exist"));
  ls::make_directories(place / "half");
  write_text(place / "half/model.safetensors", "x");
  CHECK(contains(message_of(place / "half"), "it has no manifest.json"));
  write_text(place / "half/manifest.json", "[]");
  CHECK(contains(message_of(place / "half"), "expected an object"));
}

TEST_CASE("checkpoint reader: all files that are missing, cut or replaced are named") {
  const TemporaryDirectory place;
  State state;
  save(place / "c", state);
  const std::string model = ls::read_file(place / "c/model.safetensors");
  write_text(place / "c/model.safetensors", std::string_view(model).substr(0, model.size() - 1));
  ls::remove_tree(place / "c/loop.safetensors");
  for (const auto verification : {ls::Verification::sizes, ls::Verification::checksums}) {
    const std::string message = message_of(place / "c", verification);
    INFO(message);
    CHECK(contains(
        message,
        ls::concat("model.safetensors: has ", model.size() - 1, " bytes, should have ", model.size()).c_str()));
    CHECK(contains(message, "loop.safetensors: No such file"));
  }
  ls::make_directories(place / "c/loop.safetensors");
  CHECK(contains(message_of(place / "c"), "loop.safetensors: not a regular file"));
}

TEST_CASE("checkpoint reader: every flipped bit of every file is found") {
  const TemporaryDirectory place;
  State state;
  save(place / "c", state);
  CHECK(message_of(place / "c") == "");
  for (const char* name : {"model.safetensors", "loop.safetensors", "manifest.json"}) {
    const std::string path = place / (std::string("c/") + name);
    const std::string whole = ls::read_file(path);
    const bool manifest = name == std::string("manifest.json");
    for (std::size_t at = 0; at < whole.size(); at += manifest ? 1 : 7) {
      std::string content = whole;
      content[at] = static_cast<char>(content[at] ^ (1 << at % 8));
      write_text(path, content);
      // A changed step, metadata or digit of an unknown member still reads; a file it speaks of then does not.
      const std::string message = message_of(place / "c");
      if (!manifest) {
        CHECK(contains(message, "checksum is wrong"));
        CHECK(contains(message, name));
      }
    }
    write_text(path, whole);
  }
  CHECK(message_of(place / "c") == "");
}
