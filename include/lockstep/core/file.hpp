// File descriptors that close themselves, and whole-file reading and writing with errors that name the path.
#pragma once

#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace lockstep {

/// The text of an `errno` value with what was attempted on which path.
LOCKSTEP_ON_DEMAND IoError io_error(std::string_view action, std::string_view path, int code = errno) {
  return IoError(concat("cannot ", action, " '", path, "': ", std::strerror(code)));
}

/// Owns a file descriptor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int handle) : handle_(handle) {}
  FileDescriptor(FileDescriptor&& other) noexcept : handle_(std::exchange(other.handle_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      close();
      handle_ = std::exchange(other.handle_, -1);
    }
    return *this;
  }
  ~FileDescriptor() { close(); }

  int get() const { return handle_; }
  explicit operator bool() const { return handle_ >= 0; }
  int release() { return std::exchange(handle_, -1); }
  void close() {
    if (handle_ >= 0) ::close(handle_);
    handle_ = -1;
  }

 private:
  int handle_ = -1;
};

/// Opens a file; throws IoError naming the path. `flags` as of open(2); the descriptor does not survive exec.
LOCKSTEP_ON_DEMAND FileDescriptor open_file(const std::string& path, int flags, mode_t mode = 0644) {
  const int handle = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (handle < 0) throw io_error((flags & O_ACCMODE) == O_RDONLY ? "read" : "write", path);
  return FileDescriptor(handle);
}

/// The whole content of a regular file; throws IoError naming the path.
LOCKSTEP_ON_DEMAND std::string read_file(const std::string& path) {
  const FileDescriptor file = open_file(path, O_RDONLY);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw io_error("read", path);
  if (S_ISDIR(status.st_mode)) throw io_error("read", path, EISDIR);
  std::string content;
  content.resize(static_cast<std::size_t>(status.st_size));
  std::size_t filled = 0;
  for (;;) {
    if (filled == content.size()) content.resize(filled + 65536);  // special files have no size; real ones end here
    const ssize_t count = ::read(file.get(), content.data() + filled, content.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw io_error("read", path);
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  content.resize(filled);
  return content;
}

/// Writes all bytes to an open file; `path` is for the message only.
LOCKSTEP_ON_DEMAND void write_all(const FileDescriptor& file, const void* bytes, std::size_t size,
                                  std::string_view path) {
  const char* position = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t count = ::write(file.get(), position, size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw io_error("write", path);
    position += count;
    size -= static_cast<std::size_t>(count);
  }
}

}  // namespace lockstep
