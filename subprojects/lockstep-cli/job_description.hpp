// What all ranks of a job are told: its name, its secret, the port that rank 0 may use, and each rank's place.
#pragma once

#include <lockstep/comm/launch/job_secret.hpp>
#include <lockstep/core/file.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

extern char** environ;

namespace lockstep::cli {

inline void fill_random(std::span<std::byte> bytes) {
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw io_error("read", "the kernel's random numbers");
  }
}

inline std::string random_hexadecimal(std::size_t byte_count) {
  std::vector<std::byte> bytes(byte_count);
  fill_random(bytes);
  std::string text;
  for (const std::byte byte : bytes) {
    text += "0123456789abcdef"[std::to_integer<unsigned>(byte) >> 4];
    text += "0123456789abcdef"[std::to_integer<unsigned>(byte) & 15U];
  }
  return text;
}

/// A sealed file in memory, closed to other users, that vanishes with the launcher. Ranks reach it by a path below the
/// launcher's /proc entry: unlike an inherited descriptor, it survives wrappers that close what they do not know.
inline FileDescriptor make_job_secret() {
  JobSecret secret;
  fill_random(secret);
  FileDescriptor file(::memfd_create("lockstep-job-secret", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  constexpr int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (!file || ::fchmod(file.get(), 0600) != 0) throw io_error("create", "the job secret in memory");
  write_all(file, secret.data(), secret.size(), "the job secret in memory");
  if (::fcntl(file.get(), F_ADD_SEALS, seals) != 0) throw io_error("seal", "the job secret in memory");
  return file;
}

/// A port of the loopback interface that nobody uses now.
inline int find_free_port() {
  const FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (!socket || ::bind(socket.get(), generic, length) != 0 || ::getsockname(socket.get(), generic, &length) != 0) {
    throw io_error("bind", "127.0.0.1");
  }
  return ntohs(address.sin_port);
}

struct JobDescription {
  explicit JobDescription(int ranks) : world_size(ranks) {}

  int world_size;
  std::string job_id = random_hexadecimal(16);
  FileDescriptor secret = make_job_secret();
  int master_port = find_free_port();
};

/// The environment of one rank: the launcher's own with lockstep's and torchrun's variables set anew.
inline std::vector<std::string> rank_environment(const JobDescription& job, int rank) {
  const std::string rank_text = std::to_string(rank);
  const std::string world_text = std::to_string(job.world_size);
  std::vector<std::string> result{
      "LOCKSTEP_RANK=" + rank_text,
      "LOCKSTEP_WORLD_SIZE=" + world_text,
      "LOCKSTEP_LOCAL_RANK=" + rank_text,
      "LOCKSTEP_LOCAL_WORLD_SIZE=" + world_text,
      "LOCKSTEP_JOB_ID=" + job.job_id,
      concat("LOCKSTEP_SECRET_FILE=/proc/", static_cast<long>(::getpid()), "/fd/", job.secret.get()),
      "RANK=" + rank_text,
      "WORLD_SIZE=" + world_text,
      "LOCAL_RANK=" + rank_text,
      "LOCAL_WORLD_SIZE=" + world_text,
      "GROUP_RANK=0",
      "GROUP_WORLD_SIZE=1",
      "MASTER_ADDR=127.0.0.1",
      concat("MASTER_PORT=", job.master_port),
      "TORCHELASTIC_RUN_ID=" + job.job_id,
      "TORCHELASTIC_RESTART_COUNT=0",
      "TORCHELASTIC_USE_AGENT_STORE=False",
  };
  // Several ranks that each use all cores only get in each other's way.
  if (job.world_size > 1 && std::getenv("OMP_NUM_THREADS") == nullptr) result.push_back("OMP_NUM_THREADS=1");
  const std::size_t own_count = result.size();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('=') + 1);
    const bool replaced =
        std::any_of(result.begin(), result.begin() + static_cast<std::ptrdiff_t>(own_count),
                    [&](const std::string& own) { return !name.empty() && own.compare(0, name.size(), name) == 0; });
    if (!replaced) result.emplace_back(text);
  }
  return result;
}

}  // namespace lockstep::cli
