// Files are read whole and written whole; errors name the path and the cause.
#include <lockstep/core/file.hpp>

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <vector>

using namespace lockstep;

namespace {

/// A directory that is gone at the end of the test.
struct TemporaryDirectory {
  TemporaryDirectory() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~TemporaryDirectory() {
    for (const std::string& name : files) ::unlink(name.c_str());
    ::rmdir(path.c_str());
  }
  std::string file(const std::string& name) {
    files.push_back(path + "/" + name);
    return files.back();
  }

  std::string path = "/tmp/lockstep_test_XXXXXX";
  std::vector<std::string> files;
};

}  // namespace

TEST_CASE("what is written is read") {
  TemporaryDirectory directory;
  const std::string path = directory.file("data");
  std::string content(200000, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7919 % 251);
  write_all(open_file(path, O_WRONLY | O_CREAT), content.data(), content.size(), path);
  CHECK(read_file(path) == content);
  const std::string empty = directory.file("empty");
  write_all(open_file(empty, O_WRONLY | O_CREAT), nullptr, 0, empty);
  CHECK(read_file(empty).empty());
}

TEST_CASE("files whose size is not known beforehand are read whole") {
  CHECK(read_file("/proc/self/status").find("VmRSS") != std::string::npos);
}

TEST_CASE("errors name path and cause") {
  CHECK_THROWS_WITH_AS(static_cast<void>(read_file("/nonexistent/file")),
                       "cannot read '/nonexistent/file': No such file or directory", IoError);
  CHECK_THROWS_WITH_AS(static_cast<void>(open_file("/nonexistent/file", O_WRONLY | O_CREAT)),
                       "cannot write '/nonexistent/file': No such file or directory", IoError);
  TemporaryDirectory directory;
  CHECK_THROWS_WITH_AS(static_cast<void>(read_file(directory.path)),
                       concat("cannot read '", directory.path, "': Is a directory").c_str(), IoError);
  const FileDescriptor full = open_file("/dev/full", O_WRONLY);
  CHECK_THROWS_WITH_AS(write_all(full, "x", 1, "/dev/full"), "cannot write '/dev/full': No space left on device",
                       IoError);
}

TEST_CASE("descriptors close themselves, move and are not inherited") {
  const auto is_open = [](int handle) { return ::fcntl(handle, F_GETFD) != -1; };
  int handle = -1;
  {
    FileDescriptor file = open_file("/dev/null", O_RDONLY);
    handle = file.get();
    CHECK((::fcntl(handle, F_GETFD) & FD_CLOEXEC) != 0);
    FileDescriptor moved = std::move(file);
    CHECK_FALSE(file);
    CHECK(moved.get() == handle);
    CHECK(is_open(handle));
  }
  CHECK_FALSE(is_open(handle));
  FileDescriptor file = open_file("/dev/null", O_RDONLY);
  handle = file.get();
  FileDescriptor other = open_file("/dev/null", O_RDONLY);
  const int closed = other.get();
  other = std::move(file);
  CHECK_FALSE(is_open(closed));
  CHECK(other.release() == handle);
  CHECK_FALSE(other);
  CHECK(is_open(handle));
  ::close(handle);
}
