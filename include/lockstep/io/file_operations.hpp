// What saving safely needs of a file system, with errors that name the path: flush, rename, list, remove.
#pragma once

#include <lockstep/core/file.hpp>
#include <lockstep/core/on_demand.hpp>

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

/// The directory that holds a path: "out" for "out/step-100", "." for "step-100".
inline std::string parent_directory(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

/// The last part of a path.
inline std::string file_name(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));  // npos + 1 is 0
}

/// Whether something of that name exists; a symbolic link counts as what it points to.
inline bool path_exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

inline bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// Waits until an open file is on the disk.
LOCKSTEP_ON_DEMAND void flush(const FileDescriptor& file, std::string_view path) {
  if (::fsync(file.get()) != 0) throw io_error("flush", path);
}

/// Waits until a file, or the names in a directory, are on the disk.
inline void flush_path(const std::string& path) { flush(open_file(path, O_RDONLY), path); }

/// Makes a directory and those above it that are missing. Throws IoError.
LOCKSTEP_ON_DEMAND void make_directories(const std::string& path) {
  if (is_directory(path)) return;
  const std::string parent = parent_directory(path);
  if (parent != path) make_directories(parent);
  if (::mkdir(path.c_str(), 0777) != 0 && !is_directory(path)) {  // somebody else may have made it meanwhile
    throw io_error("make the directory", path, errno == EEXIST ? ENOTDIR : errno);
  }
  flush_path(parent);
}

/// Gives a file or directory another name in the same file system; replaces a file or an empty directory.
LOCKSTEP_ON_DEMAND void rename_path(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) throw io_error(concat("rename '", from, "' to"), to);
}

/// The names in a directory, sorted, without "." and "..".
LOCKSTEP_ON_DEMAND std::vector<std::string> list_directory(const std::string& path) {
  DIR* directory = ::opendir(path.c_str());
  if (directory == nullptr) throw io_error("list", path);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(directory);
  std::sort(names.begin(), names.end());
  return names;
}

/// Removes a file, or a directory with everything in it; symbolic links are removed, not followed. What does not exist
/// is no error.
LOCKSTEP_ON_DEMAND void remove_tree(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return;
    throw io_error("remove", path);
  }
  if (S_ISDIR(status.st_mode)) {
    for (const std::string& name : list_directory(path)) remove_tree(concat(path, "/", name));
  }
  if (::remove(path.c_str()) != 0 && errno != ENOENT) throw io_error("remove", path);
}

}  // namespace lockstep
