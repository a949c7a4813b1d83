// What the user of `lockstep launch` asks for, and whether it makes sense.
#pragma once

#include <lockstep/core/error.hpp>

#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

namespace lockstep::cli {

struct LaunchOptions {
  std::optional<int> ranks;  // on this host
  int nodes = 1;             // hosts; on each one runs a launcher
  std::optional<int> node_rank;
  std::string master_address;      // empty: this host
  std::optional<int> master_port;  // of several hosts: 29500; of one: a free one
  std::string secret_file;         // empty: a new secret on one host, LOCKSTEP_SECRET_FILE on several
  std::string job_id;              // tells apart jobs of several hosts that share secret, address and port
  int max_restarts = 0;
  double timeout_seconds = 0;  // 0: none
  double grace_seconds = 10;   // from SIGTERM to SIGKILL
  std::string log_directory;   // empty: none
  std::vector<std::string> command;
};

/// Number of cores this process may run on.
inline int available_cores() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));  // more than 1024 cores
}

/// What only a job on several hosts needs.
inline void check_nodes(LaunchOptions& options) {
  constexpr int most_nodes = 16384;
  if (options.nodes < 1 || options.nodes > most_nodes) {
    throw ArgumentError(concat("--nnodes must be from 1 to ", most_nodes, ", got ", options.nodes));
  }
  if (options.node_rank && (*options.node_rank < 0 || *options.node_rank >= options.nodes)) {
    throw ArgumentError(concat("--node-rank must be from 0 to ", options.nodes - 1, " (--nnodes is ", options.nodes,
                               "), got ", *options.node_rank));
  }
  if (options.master_port && (*options.master_port < 1 || *options.master_port > 65535)) {
    throw ArgumentError(concat("--master-port must be from 1 to 65535, got ", *options.master_port));
  }
  if (options.nodes == 1 && !options.job_id.empty()) {
    throw ArgumentError("--job-id is for several hosts (--nnodes): on one host every job gets a new id by itself");
  }
  if (options.nodes == 1) return;
  const std::string several = concat("--nnodes is ", options.nodes, ", so ");
  if (!options.node_rank) {
    throw ArgumentError(
        concat(several, "--node-rank must tell which of the hosts this is: 0 on the first, up to ", options.nodes - 1));
  }
  if (options.master_address.empty()) {
    throw ArgumentError(concat(several, "--master-addr must name the host with --node-rank 0, the same on all hosts"));
  }
  if (options.secret_file.empty()) {
    const char* path = std::getenv("LOCKSTEP_SECRET_FILE");
    if (path != nullptr) options.secret_file = path;
  }
  if (options.secret_file.empty()) {
    throw ArgumentError(concat(several,
                               "all hosts must share a job secret: make one with 'lockstep secret FILE', copy it to "
                               "every host with its mode of 0600 (scp -p), and give it by --secret-file FILE or in "
                               "LOCKSTEP_SECRET_FILE"));
  }
}

/// Completes the options; throws ArgumentError naming the one that is wrong.
inline void check_options(LaunchOptions& options) {
  constexpr int most_ranks = 1024, most_restarts = 1'000'000;
  constexpr const char* example = "; for example: lockstep launch -n 2 ./train";
  if (!options.command.empty() && (options.command.front().empty() || options.command.front().front() == '-')) {
    throw ArgumentError(concat("unknown option '", options.command.front(), "'; options stand before the program"));
  }
  if (!options.ranks) throw ArgumentError(concat("-n is missing: the number of ranks to start", example));
  if (*options.ranks < 1 || *options.ranks > most_ranks) {
    throw ArgumentError(concat("-n must be from 1 to ", most_ranks, ", got ", *options.ranks,
                               "; it is the number of processes to start on this host"));
  }
  check_nodes(options);
  if (options.max_restarts < 0 || options.max_restarts > most_restarts) {
    throw ArgumentError(concat("--max-restarts must be from 0 to ", most_restarts, ", got ", options.max_restarts));
  }
  if (!(options.timeout_seconds >= 0)) {
    throw ArgumentError(concat("--timeout must not be negative, got ", options.timeout_seconds));
  }
  if (!(options.grace_seconds >= 0)) {
    throw ArgumentError(concat("--grace must not be negative, got ", options.grace_seconds));
  }
  if (options.command.empty()) throw ArgumentError(concat("there is no program to run", example));
}

}  // namespace lockstep::cli
