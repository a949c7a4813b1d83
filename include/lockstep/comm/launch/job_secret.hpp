// The 32 random bytes that the ranks of one job share and nobody else knows.
#pragma once

#include <lockstep/core/error.hpp>
#include <lockstep/core/file.hpp>
#include <lockstep/core/on_demand.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>

namespace lockstep {

using JobSecret = std::array<std::byte, 32>;

/// Reads the secret from `LaunchEnvironment::secret_file`. The file must belong to this user, be closed to all others
/// (mode 0600 or less) and hold exactly 32 bytes: throws EnvironmentError otherwise, IoError when it cannot be read.
LOCKSTEP_ON_DEMAND JobSecret read_job_secret(const std::string& path) {
  if (path.empty()) {
    throw EnvironmentError(
        "there is no job secret: start the job with 'lockstep launch', or put 32 random bytes into a file of mode 0600 "
        "on every host and name it in LOCKSTEP_SECRET_FILE");
  }
  const FileDescriptor file = open_file(path, O_RDONLY | O_NOCTTY | O_NONBLOCK);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw io_error("read", path);
  if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 077) != 0) {
    throw EnvironmentError(concat("job secret '", path,
                                  "': must be a regular file that belongs to this user and is closed to all others; "
                                  "run chmod 600 on it, or make a new one"));
  }
  JobSecret secret{};
  if (status.st_size != static_cast<off_t>(secret.size())) {
    throw EnvironmentError(concat("job secret '", path, "': expected exactly ", secret.size(), " bytes, got ",
                                  static_cast<long long>(status.st_size)));
  }
  std::size_t filled = 0;
  while (filled < secret.size()) {
    const ssize_t count = ::read(file.get(), secret.data() + filled, secret.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw io_error("read", path, count == 0 ? EIO : errno);
    filled += static_cast<std::size_t>(count);
  }
  return secret;
}

}  // namespace lockstep
