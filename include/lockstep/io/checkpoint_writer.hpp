// Saves a checkpoint so that at every moment, also after a crash or with a full disk, the old one or the new one is
// whole.
#pragma once

#include <lockstep/core/on_demand.hpp>
#include <lockstep/io/checkpoint_directory.hpp>
#include <lockstep/io/safetensors_writer.hpp>

#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace lockstep {

/// Writes one checkpoint: files into a temporary directory beside the final one, then `commit`. Without a commit
/// nothing stays. In a distributed run one rank has the writer; the others write their files into `staging()` with
/// `write_safetensors` and tell it the summaries, which it adds.
class CheckpointWriter {
 public:
  /// Makes the temporary directory; also clears away what writers of this checkpoint that crashed on this host left
  /// behind. Throws IoError when the place cannot be written to, or holds something that is not a checkpoint.
  LOCKSTEP_ON_DEMAND CheckpointWriter(std::string_view directory, std::int64_t step, Metadata metadata = {})
      : directory_(detail::checkpoint_path(directory)),
        staging_(concat(directory_, detail::staging_mark, detail::process_mark())) {
    manifest_.step = step;
    manifest_.metadata = std::move(metadata);
    const std::string parent = parent_directory(directory_);
    make_directories(parent);
    clean_up(parent);
    refuse_foreign();
    if (::mkdir(staging_.c_str(), 0777) != 0) throw io_error("make the directory", staging_);
    open_ = true;
  }
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;
  ~CheckpointWriter() {
    if (!open_) return;
    try {
      remove_tree(staging_);
    } catch (const Error&) {  // the next writer tries again
    }
  }

  /// The directory that files are written to before the commit.
  const std::string& staging() const { return staging_; }

  /// Writes a safetensors file of the checkpoint.
  LOCKSTEP_ON_DEMAND void write(const std::string& name, std::span<const StateEntry> entries,
                                const Metadata& metadata = {}) {
    check_name(name);
    manifest_.files.push_back({name, write_safetensors(concat(staging_, "/", name), entries, metadata)});
  }

  /// Adds a file that lies in `staging()` and is on the disk already, with its size and checksum.
  LOCKSTEP_ON_DEMAND void add(const std::string& name, const FileSummary& summary) {
    check_name(name);
    manifest_.files.push_back({name, summary});
  }

  /// Makes everything permanent under the final name and removes what it replaces. When it throws before the new
  /// checkpoint is in place, the old one is untouched and the temporary directory goes with the writer.
  LOCKSTEP_ON_DEMAND void commit() {
    if (!open_) throw ArgumentError(concat("CheckpointWriter: '", directory_, "' is committed already"));
    for (const CheckpointFile& file : manifest_.files) {
      const std::string path = concat(staging_, "/", file.name);
      struct stat status {};
      if (::stat(path.c_str(), &status) != 0) throw io_error("find", path);
      if (static_cast<std::uint64_t>(status.st_size) != file.summary.size) {
        throw IoError(
            concat("the file '", path, "' has ", status.st_size, " bytes, its writer reported ", file.summary.size));
      }
    }
    const std::string manifest = detail::manifest_path(staging_);
    const std::string text = format_manifest(manifest_);
    {
      const FileDescriptor file = open_file(manifest, O_WRONLY | O_CREAT | O_TRUNC);
      write_all(file, text.data(), text.size(), manifest);
      flush(file, manifest);
    }
    flush_path(staging_);
    refuse_foreign();
    const std::string replaced = detail::publish(staging_, directory_);
    open_ = false;
    flush_path(parent_directory(directory_));
    if (!replaced.empty()) remove_tree(replaced);
  }

 private:
  LOCKSTEP_ON_DEMAND void check_name(const std::string& name) const {
    if (!is_checkpoint_file_name(name)) {
      throw ArgumentError(concat("CheckpointWriter: '", name, "' cannot be a file of a checkpoint; give a plain name"));
    }
    if (manifest_.find(name) != nullptr) {
      throw ArgumentError(concat("CheckpointWriter: the file '", name, "' was added already"));
    }
  }

  /// Only a checkpoint or an empty directory may be replaced.
  LOCKSTEP_ON_DEMAND void refuse_foreign() const {
    if (!path_exists(directory_) || path_exists(detail::manifest_path(directory_))) return;
    if (is_directory(directory_) && list_directory(directory_).empty()) return;
    throw IoError(concat("cannot save a checkpoint to '", directory_,
                         "': it exists and is not a checkpoint; remove it or choose another name"));
  }

  /// Undoes what crashed writers left: brings back a checkpoint that was moved aside, then removes temporaries.
  LOCKSTEP_ON_DEMAND void clean_up(const std::string& parent) const {
    const std::optional<std::string> current = find_checkpoint(directory_);
    if (current && *current != directory_) rename_path(*current, directory_);
    const std::string name = file_name(directory_);
    for (const std::string& other : list_directory(parent)) {
      for (const std::string_view mark : {detail::staging_mark, detail::replaced_mark}) {
        const std::string prefix = concat(name, mark);
        if (other.starts_with(prefix) &&
            detail::is_mark_of_dead_process(std::string_view(other).substr(prefix.size()))) {
          remove_tree(concat(parent, "/", other));
        }
      }
    }
  }

  std::string directory_;
  std::string staging_;
  CheckpointManifest manifest_;
  bool open_ = false;
};

}  // namespace lockstep
