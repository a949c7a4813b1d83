// What a launcher tells the ranks of a job, as variables of their environment.
#pragma once

#include <lockstep/comm/launch/job_secret.hpp>
#include <lockstep/core/concat.hpp>
#include <lockstep/core/file.hpp>
#include <lockstep/core/on_demand.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace lockstep {

/// One node's share of a job. All nodes run the same number of ranks.
struct JobDescription {
  int ranks_per_node = 1;
  int node_rank = 0;
  int node_count = 1;
  int restart_count = 0;                     ///< How often the ranks have been started anew.
  std::string job_id;                        ///< The same on all nodes, another after every restart.
  std::string secret_file;                   ///< Where the ranks of this node find the job secret.
  std::string master_address = "127.0.0.1";  ///< Of the node with rank 0.
  int master_port = 0;                       ///< For rank 0 to listen at.

  int world_size() const { return ranks_per_node * node_count; }
  int rank(int local_rank) const { return node_rank * ranks_per_node + local_rank; }
};

/// The variables "NAME=value" of one rank: those of LaunchEnvironment, and torchrun's for programs that know only them.
LOCKSTEP_ON_DEMAND std::vector<std::string> rank_variables(const JobDescription& job, int local_rank) {
  const std::string rank = std::to_string(job.rank(local_rank)), local = std::to_string(local_rank);
  const std::string world = std::to_string(job.world_size()), local_world = std::to_string(job.ranks_per_node);
  const std::string node = std::to_string(job.node_rank), nodes = std::to_string(job.node_count);
  const std::string restarts = std::to_string(job.restart_count);
  return {
      "LOCKSTEP_RANK=" + rank,
      "LOCKSTEP_WORLD_SIZE=" + world,
      "LOCKSTEP_LOCAL_RANK=" + local,
      "LOCKSTEP_LOCAL_WORLD_SIZE=" + local_world,
      "LOCKSTEP_NODE_RANK=" + node,
      "LOCKSTEP_NODE_COUNT=" + nodes,
      "LOCKSTEP_RESTART_COUNT=" + restarts,
      "LOCKSTEP_JOB_ID=" + job.job_id,
      "LOCKSTEP_SECRET_FILE=" + job.secret_file,
      "RANK=" + rank,
      "WORLD_SIZE=" + world,
      "LOCAL_RANK=" + local,
      "LOCAL_WORLD_SIZE=" + local_world,
      "GROUP_RANK=" + node,
      "GROUP_WORLD_SIZE=" + nodes,
      "MASTER_ADDR=" + job.master_address,
      concat("MASTER_PORT=", job.master_port),
      "TORCHELASTIC_RUN_ID=" + job.job_id,
      "TORCHELASTIC_RESTART_COUNT=" + restarts,
      "TORCHELASTIC_USE_AGENT_STORE=False",
  };
}

/// Two hexadecimal digits for each byte.
LOCKSTEP_ON_DEMAND std::string hexadecimal(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    text += "0123456789abcdef"[std::to_integer<unsigned>(byte) >> 4];
    text += "0123456789abcdef"[std::to_integer<unsigned>(byte) & 15U];
  }
  return text;
}

/// A name that no other job has: 32 hexadecimal digits.
LOCKSTEP_ON_DEMAND std::string random_job_id() {
  std::array<std::byte, 16> bytes;
  detail::fill_random(bytes);
  return hexadecimal(bytes);
}

/// A port of the loopback interface that nobody uses now.
LOCKSTEP_ON_DEMAND int find_free_port() {
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

}  // namespace lockstep
