// The job that the options describe, and the environment of its ranks.
#pragma once

#include "launch_options.hpp"
#include "sha256.hpp"
#include <lockstep/comm/launch/job_description.hpp>
#include <lockstep/comm/launch/job_secret.hpp>
#include <lockstep/core/file.hpp>

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

/// The name of one attempt of a job on several hosts: all launchers find the same without talking to each other, and
/// nobody finds the secret in it.
inline std::string shared_job_id(const JobSecret& secret, const std::string& address, int port,
                                 const std::string& job_id, int restart_count) {
  const std::string text = concat("lockstep job\n", address, "\n", port, "\n", job_id) + concat("\n", restart_count);
  return hexadecimal(std::span<const std::byte>(hmac_sha256(secret, text)).first(16));
}

/// A job over all its attempts.
class Job {
 public:
  explicit Job(const LaunchOptions& options)
      : options_(options),
        secret_(options.secret_file.empty() ? make_job_secret() : read_job_secret(options.secret_file)),
        sealed_(seal_job_secret(secret_)) {
    description_.ranks_per_node = *options.ranks;
    description_.node_rank = options.node_rank.value_or(0);
    description_.node_count = options.nodes;
    // Ranks reach the secret by a path below the launcher's /proc entry: unlike an inherited descriptor, it survives
    // wrappers that close what they do not know.
    description_.secret_file = concat("/proc/", static_cast<long>(::getpid()), "/fd/", sealed_.get());
    if (!options.master_address.empty()) description_.master_address = options.master_address;
    begin_attempt(0);
  }

  const JobDescription& description() const { return description_; }

  void begin_attempt(int restart_count) {
    constexpr int default_port = 29500;  // as torchrun's
    const bool alone = options_.nodes == 1;
    description_.restart_count = restart_count;
    description_.master_port = options_.master_port ? *options_.master_port : alone ? find_free_port() : default_port;
    description_.job_id = alone ? random_job_id()
                                : shared_job_id(secret_, description_.master_address, description_.master_port,
                                                options_.job_id, restart_count);
  }

 private:
  const LaunchOptions& options_;
  JobSecret secret_;
  FileDescriptor sealed_;
  JobDescription description_;
};

/// The environment of one rank: the launcher's own with lockstep's and torchrun's variables set anew.
inline std::vector<std::string> rank_environment(const JobDescription& job, int local_rank) {
  std::vector<std::string> result = rank_variables(job, local_rank);
  // Several ranks that each use all cores only get in each other's way.
  if (job.ranks_per_node > 1 && std::getenv("OMP_NUM_THREADS") == nullptr) result.push_back("OMP_NUM_THREADS=1");
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
