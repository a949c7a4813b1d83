#include <lockstep/comm/launch/job_secret.hpp>

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <string>

namespace ls = lockstep;

namespace {

/// A file that is gone at the end of the test.
struct TemporaryFile {
  TemporaryFile(const std::string& content, mode_t mode) {
    ls::FileDescriptor file(mkstemp(path.data()));
    REQUIRE(file);
    ls::write_all(file, content.data(), content.size(), path);
    REQUIRE(fchmod(file.get(), mode) == 0);
  }
  ~TemporaryFile() { unlink(path.c_str()); }
  std::string path = "/tmp/lockstep-secret-XXXXXX";
};

std::string message_of(const std::string& path) {
  try {
    ls::read_job_secret(path);
  } catch (const ls::EnvironmentError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a private file of 32 bytes is a job secret") {
  std::string bytes(32, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7);
  const TemporaryFile file(bytes, 0600);
  const ls::JobSecret secret = ls::read_job_secret(file.path);
  for (std::size_t i = 0; i < secret.size(); ++i) CHECK(secret[i] == static_cast<std::byte>(bytes[i]));
}

TEST_CASE("a job secret that others may read is refused") {
  for (const mode_t mode : {0640U, 0604U, 0620U, 0666U}) {
    const TemporaryFile file(std::string(32, 's'), mode);
    CHECK(message_of(file.path).find("closed to all others") != std::string::npos);
  }
  CHECK(message_of("/dev/null").find("regular file") != std::string::npos);
  CHECK(message_of("/tmp").find("regular file") != std::string::npos);
}

TEST_CASE("a job secret of another length is refused") {
  for (const std::size_t length : {0U, 31U, 33U}) {
    const TemporaryFile file(std::string(length, 's'), 0600);
    CHECK(message_of(file.path).find("exactly 32 bytes, got " + std::to_string(length)) != std::string::npos);
  }
}

TEST_CASE("no job secret is an error that says how to get one") {
  CHECK(message_of("").find("LOCKSTEP_SECRET_FILE") != std::string::npos);
  CHECK_THROWS_AS(ls::read_job_secret("/nonexistent/secret"), ls::IoError);
}

TEST_CASE("a sealed secret is read back, by whoever may read it, and cannot be changed") {
  const ls::JobSecret secret = ls::make_job_secret();
  CHECK(ls::make_job_secret() != secret);
  const ls::FileDescriptor file = ls::seal_job_secret(secret);
  const std::string path = ls::concat("/proc/", static_cast<long>(getpid()), "/fd/", file.get());
  CHECK(ls::read_job_secret(path) == secret);
  const ls::FileDescriptor again(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  CHECK((!again || write(again.get(), "x", 1) < 0));
  CHECK(ftruncate(file.get(), 0) != 0);
}
