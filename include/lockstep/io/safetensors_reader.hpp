// Reads safetensors files, our own and those of others, into memory that is there already.
#pragma once

#include <lockstep/core/file.hpp>
#include <lockstep/core/on_demand.hpp>
#include <lockstep/io/safetensors_header.hpp>
#include <lockstep/io/state_entry.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lockstep {

/// What to do with tensors of a file that nobody asked for.
enum class ExtraTensors { reject, ignore };

/// An open safetensors file whose header has been checked.
class SafetensorsFile {
 public:
  /// Throws IoError when the file cannot be read, CheckpointError when it is not a valid safetensors file.
  LOCKSTEP_ON_DEMAND explicit SafetensorsFile(const std::string& path) : path_(path), file_(open_file(path, O_RDONLY)) {
    static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");
    struct stat status {};
    if (::fstat(file_.get(), &status) != 0) throw io_error("read", path);
    if (!S_ISREG(status.st_mode)) throw IoError(concat("cannot read '", path, "': it is not a regular file"));
    const auto file_bytes = static_cast<std::uint64_t>(status.st_size);
    std::uint64_t header_bytes = 0;
    if (file_bytes < sizeof header_bytes) fail("it has only ", file_bytes, " bytes");
    read_at(0, &header_bytes, sizeof header_bytes);
    if (header_bytes > SafetensorsHeader::max_bytes) fail("its header would have ", header_bytes, " bytes");
    data_offset_ = sizeof header_bytes + header_bytes;
    if (data_offset_ > file_bytes) fail("it ends inside its header");
    std::string text(header_bytes, '\0');
    read_at(sizeof header_bytes, text.data(), text.size());
    header_ = parse_safetensors_header(text, file_bytes - data_offset_, path);
  }

  const std::string& path() const { return path_; }
  const std::vector<SafetensorsTensor>& tensors() const { return header_.tensors; }
  const Metadata& metadata() const { return header_.metadata; }

  /// The tensor of that name, or null.
  const SafetensorsTensor* find(std::string_view name) const { return header_.find(name); }

  /// Copies a tensor's bytes to `to`, which has room for `tensor.bytes()`.
  LOCKSTEP_ON_DEMAND void read(const SafetensorsTensor& tensor, void* to) const {
    read_at(data_offset_ + tensor.begin, to, tensor.bytes());
  }

  /// Throws CheckpointError that lists every entry which the file cannot fill: names that are missing or too many,
  /// other types, other shapes. Touches no memory.
  LOCKSTEP_ON_DEMAND void check(std::span<const StateEntry> entries, ExtraTensors extra = ExtraTensors::reject) const {
    std::string faults;
    std::vector<std::string_view> names;
    names.reserve(entries.size());
    for (const StateEntry& entry : entries) {
      names.push_back(entry.name);
      const SafetensorsTensor* tensor = find(entry.name);
      if (tensor == nullptr) {
        faults += concat("\n  missing: ", entry.name, " (", to_string(entry.dtype), " ", entry.shape, ")");
        continue;
      }
      const bool same_type = tensor->type->supported && tensor->type->dtype == entry.dtype;
      const bool same_shape =
          std::equal(entry.shape.begin(), entry.shape.end(), tensor->shape.begin(), tensor->shape.end());
      if (!same_type || !same_shape) {
        const SafetensorsType* expected = detail::safetensors_type_of(entry.dtype);
        faults += concat("\n  different: ", entry.name, " is ", tensor->type->name, " ", shape_text(*tensor),
                         " in the file, expected ", expected->name, " ", entry.shape);
      }
    }
    std::sort(names.begin(), names.end());
    for (std::size_t i = 1; i < names.size(); ++i) {
      if (names[i - 1] == names[i]) faults += concat("\n  asked for twice: ", names[i]);
    }
    if (extra == ExtraTensors::reject) {
      for (const SafetensorsTensor& tensor : header_.tensors) {
        if (!std::binary_search(names.begin(), names.end(), std::string_view(tensor.name))) {
          faults += concat("\n  not expected: ", tensor.name, " (", tensor.type->name, " ", shape_text(tensor), ")");
        }
      }
    }
    if (!faults.empty()) {
      throw CheckpointError(concat("'", path_, "' does not fit what it is loaded into; nothing was loaded:", faults));
    }
  }

  /// Fills the entries, after all of them have been checked: when it throws CheckpointError nothing has been changed.
  /// An IoError, from a disk that fails while it is read, can leave some entries filled.
  LOCKSTEP_ON_DEMAND void load(std::span<const StateEntry> entries, ExtraTensors extra = ExtraTensors::reject) const {
    check(entries, extra);
    for (const StateEntry& entry : entries) read(*find(entry.name), entry.data);
  }

 private:
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... why) const {
    throw CheckpointError(concat("'", path_, "' is not a valid safetensors file: ", why...));
  }

  LOCKSTEP_ON_DEMAND static std::string shape_text(const SafetensorsTensor& tensor) {
    std::string text = "[";
    for (const std::int64_t extent : tensor.shape) text += concat(text.size() > 1 ? ", " : "", extent);
    return text + "]";
  }

  LOCKSTEP_ON_DEMAND void read_at(std::uint64_t offset, void* to, std::uint64_t size) const {
    auto* position = static_cast<char*>(to);
    while (size > 0) {
      const ssize_t count = ::pread(file_.get(), position, size, static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw io_error("read", path_);
      if (count == 0) throw IoError(concat("cannot read '", path_, "': it became shorter while it was read"));
      position += count;
      offset += static_cast<std::uint64_t>(count);
      size -= static_cast<std::uint64_t>(count);
    }
  }

  std::string path_;
  FileDescriptor file_;
  std::uint64_t data_offset_ = 0;
  SafetensorsHeader header_;
};

/// Opens a file and fills the entries from it; see SafetensorsFile::load.
LOCKSTEP_ON_DEMAND void load_safetensors(const std::string& path, std::span<const StateEntry> entries,
                             ExtraTensors extra = ExtraTensors::reject) {
  SafetensorsFile(path).load(entries, extra);
}

}  // namespace lockstep
