// A job from inside a program: runs a function as several ranks of this host, without a launcher.
#pragma once

#include <lockstep/comm/host/control_page.hpp>
#include <lockstep/comm/launch/forked_ranks.hpp>
#include <lockstep/comm/launch/job_description.hpp>
#include <lockstep/comm/launch/launch_environment.hpp>
#include <lockstep/comm/ring.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>

#include <time.h>

#include <concepts>
#include <cstdlib>
#include <string>

namespace lockstep {

/// The limits of `launch`.
struct LaunchOptions {
  /// For the whole run. There is none unless one is set, since a run may take days: what happens inside a rank has
  /// deadlines of its own.
  std::chrono::nanoseconds deadline = std::chrono::nanoseconds::max();
  std::chrono::nanoseconds grace = std::chrono::seconds(5);  ///< From SIGTERM to SIGKILL for ranks that are ended.
};

/// A function that runs as a rank: it takes the communicator of the ranks, or the launch environment to make its own.
template <class Function>
concept RankFunction = std::invocable<Function&, Ring&> || std::invocable<Function&, const LaunchEnvironment&>;

namespace detail {

/// Throws EnvironmentError when this process has other threads: a copy has only the one that makes it, and whatever
/// lock another held stays locked there.
LOCKSTEP_ON_DEMAND void require_one_thread() {
  const Deadline patience = Deadline::after(std::chrono::milliseconds(200));
  int count = 0;
  while ((count = count_threads()) > 1 + sanitizer_threads) {
    if (patience.passed()) {
      throw EnvironmentError(concat("launch: this process has ", count,
                                    " threads; ranks are copies of it and must be made before any other thread: "
                                    "call launch first, or start the program with 'lockstep launch'"));
    }
    const timespec pause{0, 1'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

LOCKSTEP_ON_DEMAND void set_variables(const JobDescription& job, int rank) {
  for (const std::string& variable : rank_variables(job, rank)) {
    const std::size_t equals = variable.find('=');
    if (::setenv(variable.substr(0, equals).c_str(), variable.c_str() + equals + 1, 1) != 0) {
      throw EnvironmentError("launch: no memory for the environment");
    }
  }
}

}  // namespace detail

/// Runs `function(Ring&)` or `function(const LaunchEnvironment&)` as ranks 0 to `ranks` - 1, each in a copy of this
/// process, and returns when all have returned; one rank is a copy, too, so that a function behaves the same for any
/// number. What a rank changes stays in its copy: results leave it by files or by rank 0's output. The environment of a
/// rank describes its place, so that LaunchEnvironment::detect() and the backends find it. Standard output is shared
/// and flushed at the end of every rank (std::cout only as long as it is synchronised with stdio).
///
/// When a rank throws, is killed, or ends the process, the others get SIGTERM, then SIGKILL after the grace time, and
/// launch throws an error of the same kind (Error for what is none of lockstep's, CommunicationError for a rank that
/// was killed) whose text names the rank that failed first. Ranks die with this process. Throws ArgumentError for an
/// impossible number, EnvironmentError when this process has other threads.
template <RankFunction Function>
void launch(int ranks, Function function, const LaunchOptions& options = {}) {
  if (ranks < 1 || ranks > detail::max_host_ranks) {
    throw ArgumentError(concat("launch: ranks must be from 1 to ", detail::max_host_ranks, ", got ", ranks));
  }
  detail::require_one_thread();
  const FileDescriptor secret = seal_job_secret(make_job_secret());
  JobDescription job;
  job.ranks_per_node = ranks;
  job.job_id = random_job_id();
  job.secret_file = concat("/proc/self/fd/", secret.get());
  job.master_port = find_free_port();
  detail::ForkedRanks processes;
  for (int rank = 0; rank < ranks; ++rank) {
    processes.start([&] {
      detail::set_variables(job, rank);
      const LaunchEnvironment environment = LaunchEnvironment::detect();
      if constexpr (std::invocable<Function&, Ring&>) {
        Ring ring(environment);
        function(ring);
      } else {
        function(environment);
      }
    });
  }
  processes.wait(options.deadline, options.grace);
}

}  // namespace lockstep
