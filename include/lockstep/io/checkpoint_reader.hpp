// Opens a checkpoint and does not believe a byte of it before sizes and checksums agree with the manifest.
#pragma once

#include <lockstep/core/on_demand.hpp>
#include <lockstep/io/checkpoint_directory.hpp>
#include <lockstep/io/safetensors_reader.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

/// How much of a checkpoint is checked when it is opened: the sizes of files, or their checksums too (reads
/// everything).
enum class Verification { sizes, checksums };

/// The XXH64 of a file's content and its size, as the manifest has them. Throws IoError.
LOCKSTEP_ON_DEMAND FileSummary summarize_file(const std::string& path) {
  const FileDescriptor file = open_file(path, O_RDONLY);
  std::vector<char> buffer(std::size_t{1} << 20);
  FileSummary summary;
  XxHash64 checksum;
  for (;;) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw io_error("read", path);
    if (count == 0) break;
    checksum.update(buffer.data(), static_cast<std::size_t>(count));
    summary.size += static_cast<std::uint64_t>(count);
  }
  summary.checksum = checksum.digest();
  return summary;
}

/// A checkpoint whose files are there and undamaged.
class CheckpointReader {
 public:
  /// Throws CheckpointError when there is no checkpoint of that name, or one that is damaged or foreign: the text lists
  /// all its faulty files.
  LOCKSTEP_ON_DEMAND explicit CheckpointReader(std::string_view directory,
                                               Verification verification = Verification::checksums) {
    const std::optional<std::string> found = find_checkpoint(directory);
    if (!found) {
      throw CheckpointError(concat("'", directory, "' is not a checkpoint: ",
                                   path_exists(std::string(directory))
                                       ? "it has no manifest.json; was the run that wrote "
                                         "it stopped, or is it from another program?"
                                       : "it does not exist"));
    }
    path_ = *found;
    const std::string manifest = detail::manifest_path(path_);
    manifest_ = parse_manifest(read_file(manifest), manifest);
    verify(verification);
  }

  /// The directory; differs from the name asked for only after a crash in the midst of a replacement.
  const std::string& path() const { return path_; }
  std::int64_t step() const { return manifest_.step; }
  const Metadata& metadata() const { return manifest_.metadata; }
  const std::vector<CheckpointFile>& files() const { return manifest_.files; }
  bool contains(std::string_view name) const { return manifest_.find(name) != nullptr; }

  /// The value of a metadata key, or an empty text.
  LOCKSTEP_ON_DEMAND std::string_view metadata(std::string_view key) const {
    for (const auto& [name, value] : manifest_.metadata) {
      if (name == key) return value;
    }
    return {};
  }

  /// Opens one of its safetensors files. Throws CheckpointError that lists the files when it has none of that name.
  LOCKSTEP_ON_DEMAND SafetensorsFile open(std::string_view name) const {
    if (!contains(name)) {
      std::string names;
      for (const CheckpointFile& file : manifest_.files) names += concat(" ", file.name);
      throw CheckpointError(concat("the checkpoint '", path_, "' has no file '", name, "'; it has:", names));
    }
    return SafetensorsFile(concat(path_, "/", name));
  }

 private:
  LOCKSTEP_ON_DEMAND void verify(Verification verification) const {
    std::string faults;
    for (const CheckpointFile& file : manifest_.files) {
      const std::string path = concat(path_, "/", file.name);
      struct stat status {};
      if (::stat(path.c_str(), &status) != 0) {
        faults += concat("\n  ", file.name, ": ", std::strerror(errno));
      } else if (!S_ISREG(status.st_mode)) {
        faults += concat("\n  ", file.name, ": not a regular file");
      } else if (static_cast<std::uint64_t>(status.st_size) != file.summary.size) {
        faults += concat("\n  ", file.name, ": has ", status.st_size, " bytes, should have ", file.summary.size);
      } else if (verification == Verification::checksums && !(summarize_file(path) == file.summary)) {
        faults += concat("\n  ", file.name, ": its checksum is wrong; the content has changed");
      }
    }
    if (!faults.empty()) throw CheckpointError(concat("the checkpoint '", path_, "' is damaged:", faults));
  }

  std::string path_;
  CheckpointManifest manifest_;
};

}  // namespace lockstep
