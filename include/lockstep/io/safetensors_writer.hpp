// Writes safetensors files byte for byte as the reference does: sorted by type and name, header padded to 8 bytes.
#pragma once

#include <lockstep/core/file.hpp>
#include <lockstep/core/on_demand.hpp>
#include <lockstep/io/file_operations.hpp>
#include <lockstep/io/json_writer.hpp>
#include <lockstep/io/safetensors_header.hpp>
#include <lockstep/io/state_entry.hpp>
#include <lockstep/io/utf8.hpp>
#include <lockstep/io/xxhash64.hpp>

#include <fcntl.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lockstep {

/// Size and XXH64 of a file, by which damage is found later.
struct FileSummary {
  std::uint64_t size = 0;
  std::uint64_t checksum = 0;

  friend bool operator==(const FileSummary&, const FileSummary&) = default;
};

namespace detail {

/// The entries in the order of the file. Throws ArgumentError on names that a file cannot have.
LOCKSTEP_ON_DEMAND std::vector<const StateEntry*> safetensors_order(std::span<const StateEntry> entries) {
  std::vector<const StateEntry*> order;
  order.reserve(entries.size());
  for (const StateEntry& entry : entries) {
    if (entry.name == "__metadata__" || valid_utf8_prefix(entry.name) != entry.name.size()) {
      throw ArgumentError(concat("safetensors: a tensor cannot be named '", entry.name, "'"));
    }
    if (entry.data == nullptr && entry.bytes() > 0) {
      throw ArgumentError(concat("safetensors: the entry '", entry.name, "' has no memory"));
    }
    order.push_back(&entry);
  }
  std::sort(order.begin(), order.end(), [](const StateEntry* a, const StateEntry* b) { return a->name < b->name; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (order[i - 1]->name == order[i]->name) {
      throw ArgumentError(concat("safetensors: two entries have the name '", order[i]->name, "'"));
    }
  }
  std::stable_sort(order.begin(), order.end(), [](const StateEntry* a, const StateEntry* b) {
    return safetensors_type_of(a->dtype) > safetensors_type_of(b->dtype);  // the table is in the format's order
  });
  return order;
}

/// Throws ArgumentError when texts are not UTF-8 or a key comes twice.
inline const Metadata& checked_metadata(const Metadata& metadata) {
  for (const auto& [key, value] : metadata) {
    if (valid_utf8_prefix(key) != key.size() || valid_utf8_prefix(value) != value.size()) {
      throw ArgumentError(concat("the metadata '", key, "' are not UTF-8"));
    }
    if (std::count_if(metadata.begin(), metadata.end(),
                      [&name = key](const auto& other) { return other.first == name; }) > 1) {
      throw ArgumentError(concat("there are two metadata with the key '", key, "'"));
    }
  }
  return metadata;
}

/// The first bytes of the file: the header's length and the header.
LOCKSTEP_ON_DEMAND std::string safetensors_header_bytes(std::span<const StateEntry* const> order,
                                                        const Metadata& metadata) {
  JsonWriter json;
  json.begin_object();
  if (!metadata.empty()) {
    json.key("__metadata__");
    json.begin_object();
    for (const auto& [key, value] : checked_metadata(metadata)) {
      json.key(key);
      json.value(value);
    }
    json.end_object();
  }
  std::uint64_t offset = 0;
  for (const StateEntry* entry : order) {
    json.key(entry->name);
    json.begin_object();
    json.key("dtype");
    json.value(safetensors_type_of(entry->dtype)->name);
    json.key("shape");
    json.begin_array();
    for (const std::int64_t extent : entry->shape) json.value(extent);
    json.end_array();
    json.key("data_offsets");
    json.begin_array();
    json.value(offset);
    offset += entry->bytes();
    json.value(offset);
    json.end_array();
    json.end_object();
  }
  json.end_object();
  const std::uint64_t length = (json.text().size() + 7) / 8 * 8;
  if (length > SafetensorsHeader::max_bytes) {
    throw ArgumentError(concat("safetensors: the header would have ", length, " bytes, at most ",
                               SafetensorsHeader::max_bytes, " are allowed"));
  }
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  bytes += json.text();
  bytes.resize(sizeof length + length, ' ');
  return bytes;
}

}  // namespace detail

/// Writes the entries to a new file and waits until it is on the disk; a file that is there already is overwritten. The
/// room is reserved before the first byte, where the file system can do that. Throws ArgumentError and IoError.
LOCKSTEP_ON_DEMAND FileSummary write_safetensors(const std::string& path, std::span<const StateEntry> entries,
                                                 const Metadata& metadata = {}) {
  static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");
  const std::vector<const StateEntry*> order = detail::safetensors_order(entries);
  const std::string header = detail::safetensors_header_bytes(order, metadata);
  FileSummary summary;
  summary.size = header.size();
  for (const StateEntry* entry : order) summary.size += entry->bytes();

  const FileDescriptor file = open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
  if (::fallocate(file.get(), 0, 0, static_cast<off_t>(summary.size)) != 0 && errno != EOPNOTSUPP && errno != ENOSYS &&
      errno != EINTR) {
    throw io_error(concat("reserve ", summary.size, " bytes for"), path);
  }
  XxHash64 checksum;
  const auto write = [&](const void* bytes, std::size_t size) {
    constexpr std::size_t portion = std::size_t{1} << 20;  // hashed and written while it is in the cache
    for (std::size_t at = 0; at < size; at += portion) {
      const auto* from = static_cast<const char*>(bytes) + at;
      const std::size_t count = std::min(portion, size - at);
      checksum.update(from, count);
      write_all(file, from, count, path);
    }
  };
  write(header.data(), header.size());
  for (const StateEntry* entry : order) write(entry->data, entry->bytes());
  flush(file, path);
  summary.checksum = checksum.digest();
  return summary;
}

/// Writes the entries to `path` so that the file there is at any moment the old or the new one, never a part: a
/// temporary file beside it is written, flushed and renamed.
LOCKSTEP_ON_DEMAND FileSummary save_safetensors(const std::string& path, std::span<const StateEntry> entries,
                                                const Metadata& metadata = {}) {
  const std::string temporary = concat(path, ".tmp-", ::getpid());
  try {
    const FileSummary summary = write_safetensors(temporary, entries, metadata);
    rename_path(temporary, path);
    flush_path(parent_directory(path));
    return summary;
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

}  // namespace lockstep
