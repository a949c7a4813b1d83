// The list of what belongs to a checkpoint, written last: a directory without a whole manifest is no checkpoint.
#pragma once

#include <lockstep/core/on_demand.hpp>
#include <lockstep/io/file_operations.hpp>
#include <lockstep/io/json_reader.hpp>
#include <lockstep/io/json_writer.hpp>
#include <lockstep/io/safetensors_writer.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lockstep {

/// One file of a checkpoint.
struct CheckpointFile {
  std::string name;
  FileSummary summary;
};

/// The content of a checkpoint's manifest.json.
struct CheckpointManifest {
  static constexpr std::string_view file_name = "manifest.json";
  static constexpr std::string_view format = "lockstep-checkpoint";
  static constexpr std::int64_t version = 1;

  std::int64_t step = 0;
  Metadata metadata;
  std::vector<CheckpointFile> files;

  /// The file of that name, or null.
  LOCKSTEP_ON_DEMAND const CheckpointFile* find(std::string_view name) const {
    for (const CheckpointFile& file : files) {
      if (file.name == name) return &file;
    }
    return nullptr;
  }
};

/// Whether a name can be that of a file inside a checkpoint: one part of a path, visible, not the manifest.
LOCKSTEP_ON_DEMAND bool is_checkpoint_file_name(std::string_view name) {
  return !name.empty() && name.front() != '.' && name.size() <= 255 && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos && name != CheckpointManifest::file_name &&
         valid_utf8_prefix(name) == name.size();
}

namespace detail {

LOCKSTEP_ON_DEMAND std::string hexadecimal(std::uint64_t value) {
  char buffer[17];
  std::snprintf(buffer, sizeof buffer, "%016llx", static_cast<unsigned long long>(value));
  return buffer;
}

LOCKSTEP_ON_DEMAND CheckpointFile parse_checkpoint_file(JsonReader& json) {
  CheckpointFile file;
  std::string key;
  json.begin_object();
  while (json.next_member(key)) {
    if (key == "name") {
      file.name = json.string();
    } else if (key == "size") {
      file.summary.size = static_cast<std::uint64_t>(json.integer());
    } else if (key == "xxh64") {
      const std::string text = json.string();
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), file.summary.checksum, 16);
      if (text.size() != 16 || error != std::errc() || end != text.data() + 16) json.fail("expected 16 hex digits");
    } else {
      json.skip();
    }
  }
  if (!is_checkpoint_file_name(file.name)) json.fail(concat("'", file.name, "' cannot be a file of a checkpoint"));
  return file;
}

}  // namespace detail

/// The text of a manifest.
LOCKSTEP_ON_DEMAND std::string format_manifest(const CheckpointManifest& manifest) {
  JsonWriter json;
  json.begin_object();
  json.key("format");
  json.value(CheckpointManifest::format);
  json.key("version");
  json.value(CheckpointManifest::version);
  json.key("step");
  json.value(manifest.step);
  json.key("metadata");
  json.begin_object();
  for (const auto& [key, value] : manifest.metadata) {
    json.key(key);
    json.value(value);
  }
  json.end_object();
  json.key("files");
  json.begin_array();
  for (const CheckpointFile& file : manifest.files) {
    json.begin_object();
    json.key("name");
    json.value(file.name);
    json.key("size");
    json.value(file.summary.size);
    json.key("xxh64");
    json.value(detail::hexadecimal(file.summary.checksum));
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.text() + "\n";
}

/// Reads the text of a manifest; `path` is for messages. Throws CheckpointError when it is damaged, foreign, or newer
/// than this program.
LOCKSTEP_ON_DEMAND CheckpointManifest parse_manifest(std::string_view text, std::string_view path) {
  JsonReader json(text, path);
  CheckpointManifest manifest;
  std::string format;
  std::int64_t version = 0;
  bool has_step = false;
  bool has_files = false;
  std::string key;
  json.begin_object();
  while (json.next_member(key)) {
    if (key == "format") {
      format = json.string();
    } else if (key == "version") {
      version = json.integer();
    } else if (key == "step") {
      manifest.step = json.integer();
      has_step = true;
    } else if (key == "metadata") {
      std::string name;
      json.begin_object();
      while (json.next_member(name)) manifest.metadata.emplace_back(std::move(name), json.string());
    } else if (key == "files") {
      json.begin_array();
      while (json.next_element()) manifest.files.push_back(detail::parse_checkpoint_file(json));
      has_files = true;
    } else {
      json.skip();
    }
  }
  json.finish();
  if (format != CheckpointManifest::format) {
    throw CheckpointError(concat("'", path, "' is not the manifest of a checkpoint of this library"));
  }
  if (version != CheckpointManifest::version) {
    throw CheckpointError(
        concat("'", path, "' has version ", version, ", this program reads version ", CheckpointManifest::version));
  }
  if (!has_step || !has_files) throw CheckpointError(concat("'", path, "' lacks its step or its files"));
  return manifest;
}

}  // namespace lockstep
