// The 32 random bytes that the ranks of one job share and nobody else knows.
#pragma once

#include <lockstep/core/error.hpp>
#include <lockstep/core/file.hpp>
#include <lockstep/core/on_demand.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <span>
#include <string>

namespace lockstep {

using JobSecret = std::array<std::byte, 32>;

namespace detail {

LOCKSTEP_ON_DEMAND void fill_random(std::span<std::byte> bytes) {  // at most 256 bytes: those come at once
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw io_error("read", "the kernel's random numbers");
  }
}

}  // namespace detail

/// A new secret, from the kernel's random numbers.
LOCKSTEP_ON_DEMAND JobSecret make_job_secret() {
  JobSecret secret;
  detail::fill_random(secret);
  return secret;
}

/// A sealed file in memory that holds the secret, is closed to other users and vanishes with the last process that has
/// it open. Others of this user reach it at /proc/PID/fd/NUMBER.
LOCKSTEP_ON_DEMAND FileDescriptor seal_job_secret(const JobSecret& secret) {
  FileDescriptor file(::memfd_create("lockstep-job-secret", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  constexpr int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (!file || ::fchmod(file.get(), 0600) != 0) throw io_error("create", "the job secret in memory");
  write_all(file, secret.data(), secret.size(), "the job secret in memory");
  if (::fcntl(file.get(), F_ADD_SEALS, seals) != 0) throw io_error("seal", "the job secret in memory");
  return file;
}

/// Reads the secret from `LaunchEnvironment::secret_file`. The file must belong to this user, be closed to all others
/// (mode 0600 or less) and hold exactly 32 bytes: throws EnvironmentError otherwise, IoError when it cannot be read.
LOCKSTEP_ON_DEMAND JobSecret read_job_secret(const std::string& path) {
  if (path.empty()) {
    throw EnvironmentError(
        "there is no job secret: start the job with 'lockstep launch', or make one with 'lockstep secret FILE', copy "
        "it "
        "to every host with its mode of 0600, and name it in LOCKSTEP_SECRET_FILE");
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
