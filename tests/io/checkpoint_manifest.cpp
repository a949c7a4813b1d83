#include <lockstep/core/philox.hpp>
#include <lockstep/io/checkpoint_manifest.hpp>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>

namespace ls = lockstep;

namespace {

ls::CheckpointManifest example() {
  ls::CheckpointManifest manifest;
  manifest.step = 1200;
  manifest.metadata = {{"world_size", "4"}, {"note", "a \"quoted\" text\n"}};
  manifest.files = {{"model.safetensors", {168, 0x00FF'0123'4567'89AB}}, {"rank-0.safetensors", {8, 0}}};
  return manifest;
}

std::string fault(const std::string& text) {
  try {
    ls::parse_manifest(text, "manifest.json");
    return "";
  } catch (const ls::CheckpointError& error) {
    return error.what();
  }
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

}  // namespace

TEST_CASE("checkpoint manifest: comes back as it was written") {
  const ls::CheckpointManifest manifest = example();
  const std::string text = ls::format_manifest(manifest);
  CHECK(nlohmann::json::parse(text)["files"][0]["xxh64"] == "00ff0123456789ab");
  const ls::CheckpointManifest read = ls::parse_manifest(text, "manifest.json");
  CHECK(read.step == 1200);
  CHECK(read.metadata == manifest.metadata);
  REQUIRE(read.files.size() == 2);
  CHECK(read.files[0].name == "model.safetensors");
  CHECK(read.files[0].summary == manifest.files[0].summary);
  CHECK(read.find("rank-0.safetensors")->summary.size == 8);
  CHECK(read.find("rank-1.safetensors") == nullptr);
}

TEST_CASE("checkpoint manifest: members of later versions of the same format are passed over") {
  const std::string text = replaced(ls::format_manifest(example()), "\"step\"", "\"new\":[{\"x\":[]}],\"step\"");
  CHECK(ls::parse_manifest(text, "m").step == 1200);
}

TEST_CASE("checkpoint manifest: damaged, foreign and newer ones are refused") {
  const std::string text = ls::format_manifest(example());
  CHECK(fault(text) == "");
  CHECK(contains(fault(""), "invalid JSON"));
  CHECK(contains(fault("{}"), "not the manifest of a checkpoint of this library"));
  CHECK(contains(fault(R"({"tool":"somebody else"})"), "not the manifest"));
  CHECK(
      contains(fault(replaced(text, "\"version\":1", "\"version\":2")), "has version 2, this program reads version 1"));
  CHECK(contains(fault(replaced(text, "\"step\":1200,", "")), "lacks its step or its files"));
  CHECK(contains(fault(replaced(text, "\"files\"", "\"other\"")), "lacks its step or its files"));
  CHECK(contains(fault(replaced(text, "00ff0123456789ab", "00ff0123456789a")), "16 hex digits"));
  CHECK(contains(fault(replaced(text, "00ff0123456789ab", "00ff0123456789ax")), "16 hex digits"));
  for (std::size_t length = 0; length + 1 < text.size(); ++length) CHECK(fault(text.substr(0, length)) != "");
}

TEST_CASE("checkpoint manifest: names cannot lead out of the directory") {
  for (const char* name : {"", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden", "manifest.json", "\xFF"}) {
    INFO(name);
    CHECK(!ls::is_checkpoint_file_name(name));
  }
  CHECK(!ls::is_checkpoint_file_name(std::string_view("a\0b", 3)));
  CHECK(!ls::is_checkpoint_file_name(std::string(256, 'a')));
  CHECK(ls::is_checkpoint_file_name("model-00001-of-00002.safetensors"));
  const std::string text = ls::format_manifest(example());
  CHECK(contains(fault(replaced(text, "model.safetensors", "../model")), "cannot be a file of a checkpoint"));
}
