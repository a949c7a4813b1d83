// A directory of a test's own, removed with everything in it when the test ends. It lies in memory where that is
// possible: tests that flush thousands of times would wait minutes for some disks. TMPDIR chooses another place.
#pragma once

#include <lockstep/io/file_operations.hpp>

#include <cstdlib>
#include <string>
#include <string_view>

struct TemporaryDirectory {
  TemporaryDirectory() {
    if (::mkdtemp(path.data()) == nullptr) throw lockstep::io_error("make the directory", path);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { lockstep::remove_tree(path); }

  std::string operator/(std::string_view name) const { return path + "/" + std::string(name); }

  static std::string place() {
    const char* chosen = std::getenv("TMPDIR");
    if (chosen != nullptr) return chosen;
    return ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  }

  std::string path = place() + "/lockstep-io-XXXXXX";
};

inline void write_text(const std::string& path, std::string_view text) {
  const lockstep::FileDescriptor file = lockstep::open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
  lockstep::write_all(file, text.data(), text.size(), path);
}
