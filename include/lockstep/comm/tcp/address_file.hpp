// A file in which rank 0 says where it listens, for ranks that were started before its port was known. What it says is
// not believed: whoever answers there has to prove that it knows the job.
#pragma once

#include <lockstep/comm/tcp/socket_address.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/file.hpp>
#include <lockstep/core/on_demand.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

namespace lockstep::detail {

/// Exists from construction on, and ends with this object, unless another has taken its place meanwhile.
class PublishedAddress {
 public:
  LOCKSTEP_ON_DEMAND PublishedAddress(std::string path, const SocketAddress& address)
      : path_(std::move(path)), text_(concat(address.host(), " ", address.port(), "\n")) {
    const std::string draft = concat(path_, ".", static_cast<long>(::getpid()), ".new");
    try {
      const FileDescriptor file = open_file(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
      write_all(file, text_.data(), text_.size(), draft);
    } catch (const IoError&) {
      ::unlink(draft.c_str());
      throw;
    }
    if (::rename(draft.c_str(), path_.c_str()) != 0) {  // readers see all of it or nothing
      const int code = errno;
      ::unlink(draft.c_str());
      throw io_error("publish the address of rank 0 in", path_, code);
    }
  }
  PublishedAddress(const PublishedAddress&) = delete;
  PublishedAddress& operator=(const PublishedAddress&) = delete;
  ~PublishedAddress() {
    try {
      if (read_file(path_) == text_) ::unlink(path_.c_str());
    } catch (const IoError&) {  // it is gone already
    }
  }

 private:
  std::string path_, text_;
};

/// The host and port in such a file; nothing while it is not there or says something else.
LOCKSTEP_ON_DEMAND std::optional<std::pair<std::string, int>> read_address_file(const std::string& path) {
  char text[128] = "";
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  const ssize_t length = file ? ::read(file.get(), text, sizeof text - 1) : -1;
  char host[80] = "", end = '\0';
  int port = 0;
  if (length <= 0 || std::sscanf(text, "%79s %5d%c", host, &port, &end) != 3 || end != '\n') return {};
  if (port < 1 || port > 65535) return {};
  return std::pair<std::string, int>(host, port);
}

}  // namespace lockstep::detail
