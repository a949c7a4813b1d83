// Names and places of checkpoints. A checkpoint is a directory with a manifest; while it is written it has another
// name, <directory>.tmp-<host>-<pid>, and gets its own by one rename.
#pragma once

#include <lockstep/core/on_demand.hpp>
#include <lockstep/io/checkpoint_manifest.hpp>
#include <lockstep/io/file_operations.hpp>

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

/// A complete checkpoint on the disk.
struct CheckpointLocation {
  std::string path;
  std::int64_t step = 0;
};

namespace detail {

inline constexpr std::string_view staging_mark = ".tmp-";   // being written, or being removed
inline constexpr std::string_view replaced_mark = ".old-";  // moved aside for its successor

/// "<host>-<pid>": who owns a temporary directory.
inline std::string process_mark() {
  char host[256] = {};
  if (::gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  std::string mark = host;
  std::replace(mark.begin(), mark.end(), '/', '_');
  return concat(mark, "-", ::getpid());
}

/// Whether the process that a "<host>-<pid>" names ran on this host and is no more.
LOCKSTEP_ON_DEMAND bool is_mark_of_dead_process(std::string_view mark) {
  const std::string own = process_mark();
  const std::size_t dash = own.rfind('-') + 1;
  if (mark == own) return true;  // an earlier process of this number: a process has one writer per directory
  if (mark.substr(0, dash) != std::string_view(own).substr(0, dash)) return false;
  pid_t process = 0;
  const char* end = mark.data() + mark.size();
  const auto [stop, error] = std::from_chars(mark.data() + dash, end, process);
  return error == std::errc() && stop == end && process > 0 && ::kill(process, 0) != 0 && errno == ESRCH;
}

/// The directory without slashes at its end, so that suffixes can be appended.
LOCKSTEP_ON_DEMAND std::string checkpoint_path(std::string_view directory) {
  while (directory.size() > 1 && directory.back() == '/') directory.remove_suffix(1);
  if (directory.empty() || directory == "/" || directory == "." || file_name(directory) == "..") {
    throw ArgumentError(concat("a checkpoint needs a directory of its own, got '", directory, "'"));
  }
  return std::string(directory);
}

LOCKSTEP_ON_DEMAND std::string manifest_path(const std::string& directory) {
  return concat(directory, "/", CheckpointManifest::file_name);
}

/// Moves the finished `staging` to `target`, which may hold an older checkpoint; that then lies at the path returned.
/// Where the file system can exchange two names this is one atomic step; else there is a moment in which the old one is
/// found under <target>.old-... only, where `find_checkpoint` looks too.
LOCKSTEP_ON_DEMAND std::string publish(const std::string& staging, const std::string& target,
                                       bool may_exchange = true) {
  if (!path_exists(target)) {
    rename_path(staging, target);
    return {};
  }
  constexpr unsigned exchange = 2;  // RENAME_EXCHANGE
  if (may_exchange && ::syscall(SYS_renameat2, AT_FDCWD, staging.c_str(), AT_FDCWD, target.c_str(), exchange) == 0) {
    return staging;
  }
  const std::string replaced = concat(target, replaced_mark, process_mark());
  remove_tree(replaced);
  rename_path(target, replaced);
  try {
    rename_path(staging, target);
  } catch (...) {
    ::rename(replaced.c_str(), target.c_str());
    throw;
  }
  return replaced;
}

}  // namespace detail

/// Where the checkpoint called `directory` lies: there, or beside it when a crash interrupted its replacement; nothing
/// when there is none.
LOCKSTEP_ON_DEMAND std::optional<std::string> find_checkpoint(std::string_view directory) {
  const std::string path = detail::checkpoint_path(directory);
  if (path_exists(detail::manifest_path(path))) return path;
  const std::string parent = parent_directory(path);
  if (path_exists(path) || !is_directory(parent)) return std::nullopt;
  const std::string prefix = concat(file_name(path), detail::replaced_mark);
  for (const std::string& name : list_directory(parent)) {
    const std::string candidate = concat(parent, "/", name);
    if (name.starts_with(prefix) && path_exists(detail::manifest_path(candidate))) return candidate;
  }
  return std::nullopt;
}

/// The checkpoints in a directory whose manifests are whole, oldest step first. Others, and files, are passed over.
LOCKSTEP_ON_DEMAND std::vector<CheckpointLocation> list_checkpoints(const std::string& parent) {
  std::vector<CheckpointLocation> found;
  for (const std::string& name : list_directory(parent)) {
    std::string path = concat(parent, "/", name);
    if (name.find(detail::staging_mark) != std::string::npos || !path_exists(detail::manifest_path(path))) continue;
    const std::size_t mark = name.find(detail::replaced_mark);
    if (mark != std::string::npos && path_exists(concat(parent, "/", name.substr(0, mark)))) continue;
    try {
      const CheckpointManifest manifest = parse_manifest(read_file(detail::manifest_path(path)), path);
      found.push_back({std::move(path), manifest.step});
    } catch (const CheckpointError&) {
      continue;  // damaged or foreign; opening it by name says what is wrong
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.step < b.step; });
  return found;
}

/// The checkpoint of the highest step in a directory, or nothing.
LOCKSTEP_ON_DEMAND std::optional<CheckpointLocation> latest_checkpoint(const std::string& parent) {
  if (!is_directory(parent)) return std::nullopt;
  const std::vector<CheckpointLocation> found = list_checkpoints(parent);
  if (found.empty()) return std::nullopt;
  return found.back();
}

/// Removes the oldest checkpoints of a directory until `total_limit` are left; call it after the newest is complete.
/// Never touches anything that is not a complete checkpoint. Returns the paths removed.
LOCKSTEP_ON_DEMAND std::vector<std::string> rotate_checkpoints(const std::string& parent, std::int64_t total_limit) {
  if (total_limit < 1)
    throw ArgumentError(concat("rotate_checkpoints: total_limit must be at least 1, got ", total_limit));
  const std::vector<CheckpointLocation> found = list_checkpoints(parent);
  std::vector<std::string> removed;
  for (std::size_t i = 0; i + static_cast<std::size_t>(total_limit) < found.size(); ++i) {
    const std::string doomed = concat(found[i].path, detail::staging_mark, detail::process_mark());
    remove_tree(doomed);
    rename_path(found[i].path, doomed);  // a checkpoint is whole or has no name
    remove_tree(doomed);
    removed.push_back(found[i].path);
  }
  return removed;
}

}  // namespace lockstep
