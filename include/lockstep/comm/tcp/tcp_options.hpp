// How the ranks of a job find each other over TCP, how safe their talk is, and how long they wait.
#pragma once

#include <lockstep/comm/launch/job_secret.hpp>
#include <lockstep/comm/launch/launch_environment.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace lockstep {

/// Every connection is authenticated in both directions by the secret before it is used, and frames of control ever
/// after. Tensors and messages are not: whoever sits on the path can read and change them, unless `encrypt` is set.
struct TcpOptions {
  int rank = 0;
  int size = 1;
  std::string job_id = {};                     ///< The same on all ranks, different for any two jobs.
  std::uint64_t epoch = 0;                     ///< Which communicator of the job; the same on all ranks.
  int local_rank = 0;                          ///< Rank among those of this host, for others to know.
  std::string master_address = "127.0.0.1";    ///< Host name or address where rank 0 listens.
  int master_port = 0;                         ///< Port where rank 0 listens; 0 needs one of the next two.
  std::string address_file = {};               ///< When set, rank 0 takes any free port and writes it here, where
                                               ///< the others read it: a path that all hosts see.
  int store_port = 0;                          ///< When set, rank 0 takes any free port and publishes it in the store
                                               ///< of torchrun's agent, which listens here at `master_address`.
  std::optional<JobSecret> secret = {};        ///< Needed unless all ranks meet on the loopback interface.
  bool insecure_i_trust_this_network = false;  ///< Goes without a secret: anyone in reach can join, read and write.
  bool encrypt = false;                        ///< Everything after the handshake, in which ranks
                                               ///< name themselves and their hosts, goes through TLS 1.3.
  std::string bind_address = {};               ///< Where this rank listens; empty: the interface towards the master.
  std::chrono::nanoseconds connect_deadline = std::chrono::seconds(60);  ///< For all ranks to meet.
  std::chrono::nanoseconds deadline = std::chrono::seconds(60);          ///< The longest wait for a peer in a call.
  std::chrono::nanoseconds heartbeat = std::chrono::seconds(1);          ///< Time between signs of life.
  std::chrono::nanoseconds suspect_after = std::chrono::seconds(5);      ///< A rank silent for this long has failed.
  int sockets_per_peer = 2;     ///< Data connections between two ranks: from two on, each direction has its own.
  int socket_buffer_bytes = 0;  ///< Of the kernel, per connection and way; 0: as the system is set.

  /// The options that fit a job as its launcher described it. Throws EnvironmentError when it did not say where rank 0
  /// is, or when ranks on several hosts have no secret.
  LOCKSTEP_ON_DEMAND static TcpOptions from(const LaunchEnvironment& environment) {
    TcpOptions options;
    options.rank = environment.rank;
    options.size = environment.world_size;
    options.local_rank = environment.local_rank;
    options.job_id = environment.job_id;
    options.master_address = environment.master_address;
    if (options.master_address.empty() && !environment.spans_hosts()) options.master_address = "127.0.0.1";
    (environment.master_port_taken ? options.store_port : options.master_port) = environment.master_port;
    if (options.size > 1 && (options.master_address.empty() || environment.master_port == 0)) {
      throw EnvironmentError(
          concat("tcp: rank ", options.rank, " of ", options.size, " (launcher ", environment.launcher,
                 ") does not know where rank 0 listens: set MASTER_ADDR to its host and MASTER_PORT to a free port "
                 "there, the same on all ranks, or fill TcpOptions in by hand"));
    }
    if (!environment.secret_file.empty()) options.secret = read_job_secret(environment.secret_file);
    return options;
  }
};

namespace detail {

/// Throws ArgumentError for values out of range.
LOCKSTEP_ON_DEMAND void check_tcp_options(const TcpOptions& options) {
  const auto positive = [](std::chrono::nanoseconds value, const char* name) {
    if (value.count() <= 0) {
      throw ArgumentError(concat("tcp: TcpOptions::", name, " must be positive, got ", value.count(), " ns"));
    }
  };
  if (options.size < 1 || options.size > 65535) {
    throw ArgumentError(concat("tcp: TcpOptions::size must be 1 to 65535, got ", options.size));
  }
  if (options.rank < 0 || options.rank >= options.size) {
    throw ArgumentError(concat("tcp: TcpOptions::rank must be 0 to ", options.size - 1, " (size ", options.size,
                               "), got ", options.rank));
  }
  if (options.master_port < 0 || options.master_port > 65535) {
    throw ArgumentError(concat("tcp: TcpOptions::master_port must be 0 to 65535, got ", options.master_port));
  }
  if (options.store_port < 0 || options.store_port > 65535) {
    throw ArgumentError(concat("tcp: TcpOptions::store_port must be 0 to 65535, got ", options.store_port));
  }
  if (options.sockets_per_peer < 1 || options.sockets_per_peer > 64) {
    throw ArgumentError(concat("tcp: TcpOptions::sockets_per_peer must be 1 to 64, got ", options.sockets_per_peer));
  }
  if (options.socket_buffer_bytes < 0) {
    throw ArgumentError(
        concat("tcp: TcpOptions::socket_buffer_bytes must not be negative, got ", options.socket_buffer_bytes));
  }
  positive(options.connect_deadline, "connect_deadline");
  positive(options.deadline, "deadline");
  positive(options.heartbeat, "heartbeat");
  if (options.suspect_after <= options.heartbeat) {
    throw ArgumentError("tcp: TcpOptions::suspect_after must be longer than heartbeat, or every rank is suspected");
  }
  if (options.encrypt && !options.secret) {
    throw EnvironmentError(
        "tcp: TcpOptions::encrypt needs a job secret, of which the keys are made: start the job with 'lockstep "
        "launch', or name a file of 32 random bytes in LOCKSTEP_SECRET_FILE");
  }
}

}  // namespace detail
}  // namespace lockstep
