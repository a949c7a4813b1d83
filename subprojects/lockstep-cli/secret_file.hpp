// `lockstep secret`: makes the file that the hosts of a job share.
#pragma once

#include <lockstep/comm/launch/job_secret.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/file.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>

namespace lockstep::cli {

/// Writes a new job secret to a file that only this user can read; refuses to overwrite one.
inline int write_secret_file(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file && errno == EEXIST) {
    throw IoError(concat("'", path, "' exists and is not overwritten: a job may be using it; choose another name"));
  }
  if (!file) throw io_error("create", path);
  try {
    const JobSecret secret = make_job_secret();
    if (::fchmod(file.get(), 0600) != 0) throw io_error("protect", path);  // whatever the umask is
    write_all(file, secret.data(), secret.size(), path);
    if (::fsync(file.get()) != 0) throw io_error("write", path);
  } catch (...) {
    ::unlink(path.c_str());
    throw;
  }
  std::printf("wrote a job secret to %s (mode 0600); copy it to every host, for example: scp -p %s HOST:%s\n",
              path.c_str(), path.c_str(), path.c_str());
  return 0;
}

}  // namespace lockstep::cli
