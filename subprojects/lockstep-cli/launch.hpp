// `lockstep launch`: runs one job on this host from its start to its end.
#pragma once

#include "death_watch.hpp"
#include "job_description.hpp"
#include "output_relay.hpp"
#include "output_sink.hpp"
#include "rank_process.hpp"
#include <lockstep/core/error.hpp>
#include <lockstep/core/file.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::cli {

struct LaunchOptions {
  std::optional<int> ranks;
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

/// One run of `lockstep launch`. Single-threaded: everything that can happen wakes one poll(2).
class Launch {
 public:
  explicit Launch(LaunchOptions options) : options_(std::move(options)), job_(*options_.ranks) {
    sigset_t watched;
    sigemptyset(&watched);
    for (const int signal : {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP}) {
      sigaddset(&watched, signal);
    }
    ::signal(SIGPIPE, SIG_IGN);
    ::sigprocmask(SIG_BLOCK, &watched, nullptr);
    signals_ = FileDescriptor(::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_) throw io_error("open", "signalfd");
  }

  ~Launch() {  // also on the way of an exception: no rank is left behind
    for (const RankProcess& process : processes_) process.send(SIGKILL);
    for (const RankProcess& process : processes_) {
      if (process.running) ::waitpid(process.pid, nullptr, 0);
    }
  }
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;

  /// Returns the exit status of the job; throws StartError when the program cannot be executed.
  int run() {
    open_logs();
    const FileDescriptor nothing = open_file("/dev/null", O_RDONLY);
    if (options_.timeout_seconds > 0) timeout_ = Clock::now() + seconds(options_.timeout_seconds);
    for (int rank = 0; rank < job_.world_size; ++rank) start(rank, nothing.get());
    while (running_count() > 0) {
      wait_and_relay();
      take_signals();
      note_ended();
      check_deadlines();
    }
    take_rest_of_output();
    if (const std::string line = summary(); !line.empty()) error_.append("lockstep launch: " + line + "\n");
    flush();
    return exit_status();
  }

 private:
  using Clock = std::chrono::steady_clock;

  static Clock::duration seconds(double value) {
    constexpr double thirty_years = 1e9;  // much more does not fit
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::min(value, thirty_years)));
  }

  void open_logs() {
    if (options_.log_directory.empty()) return;
    if (::mkdir(options_.log_directory.c_str(), 0777) != 0 && errno != EEXIST) {
      throw io_error("create", options_.log_directory);
    }
    for (int rank = 0; rank < job_.world_size; ++rank) {
      const std::string path = concat(options_.log_directory, "/rank-", rank, ".log");
      logs_.push_back(open_file(path, O_WRONLY | O_CREAT | O_TRUNC));
    }
  }

  void start(int rank, int nothing) {
    FileDescriptor output, error;
    RankStreams streams;
    // A rank is no member of the terminal's foreground group, so reading from the terminal would stop it.
    if (rank != 0 || ::isatty(STDIN_FILENO) == 1) streams.input = nothing;
    const bool direct = rank == 0 && logs_.empty();
    if (!direct || !output_.is_terminal()) output = relay(rank, output_);
    if (!direct || !error_.is_terminal()) error = relay(rank, error_);
    streams.output = output.get();
    streams.error = error.get();
    processes_.push_back(start_rank(rank, options_.command, rank_environment(job_, rank), streams));
    deaths_.add(processes_.back());
  }

  /// Makes a relay to `sink`; returns the end that the rank writes to.
  FileDescriptor relay(int rank, OutputSink& sink) {
    int channel[2];
    if (::pipe2(channel, O_CLOEXEC) != 0) throw io_error("start", concat("rank ", rank));
    FileDescriptor source(channel[0]), target(channel[1]);
    ::fcntl(source.get(), F_SETFL, O_NONBLOCK);
    relays_.emplace_back(std::move(source), &sink, rank == 0 ? std::string() : concat("[rank ", rank, "] "),
                         logs_.empty() ? nullptr : &logs_[static_cast<std::size_t>(rank)]);
    return target;
  }

  std::size_t running_count() const {
    return static_cast<std::size_t>(std::count_if(processes_.begin(), processes_.end(),
                                                  [](const RankProcess& process) { return process.running; }));
  }

  /// Sleeps until something happens, then passes on what ranks wrote.
  void wait_and_relay() {
    std::vector<pollfd> watched{{signals_.get(), POLLIN, 0}, {deaths_.descriptor(), POLLIN, 0}};
    for (const OutputSink* sink : {&output_, &error_}) {
      watched.push_back({sink->empty() ? -1 : sink->descriptor(), POLLOUT, 0});
    }
    for (const OutputRelay& relay : relays_) {
      watched.push_back({relay.wants_input() ? relay.descriptor() : -1, POLLIN, 0});
    }
    ::poll(watched.data(), watched.size(), milliseconds_to_deadline());
    if (watched[2].revents != 0) output_.write_some();
    if (watched[3].revents != 0) error_.write_some();
    for (std::size_t i = 0; i < relays_.size(); ++i) {
      if (watched[i + 4].revents != 0) relays_[i].read_some();
    }
  }

  int milliseconds_to_deadline() const {
    int result = -1;
    for (const std::optional<Clock::time_point>& deadline : {timeout_, verdict_time_, kill_time_}) {
      if (!deadline) continue;
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()).count();
      const int bounded = static_cast<int>(std::clamp<long long>(left, 0, 3600'000));
      result = result < 0 ? bounded : std::min(result, bounded);
    }
    return result;
  }

  void take_signals() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      const int signal = static_cast<int>(info.ssi_signo);
      if (signal == SIGCHLD) continue;
      if (signal == SIGTSTP) {
        suspend();
      } else if (signal == SIGUSR1 || signal == SIGUSR2) {
        send_all(signal);
      } else if (interrupted_by_ != 0) {
        send_all(SIGKILL);  // asked a second time
      } else {
        interrupted_by_ = signal;
        end_all(signal);
      }
    }
  }

  /// Ctrl-Z: the ranks stop with the launcher and go on with it.
  void suspend() {
    send_all(SIGSTOP);
    ::raise(SIGSTOP);
    send_all(SIGCONT);
  }

  /// After the first failure the others have a moment of their own: they may say what they were doing when their peer
  /// went, and one of them may be the real cause. A rank killed by a signal surely is one, whereas one that failed by
  /// itself may only have noticed that a peer is gone, and be quicker to end.
  void note_ended() {
    constexpr double moment = 0.2;
    for (const std::size_t rank : deaths_.collect(processes_)) {
      const RankProcess& process = processes_[rank];
      if (!process.failed()) continue;
      if (!first_failure_) {
        first_failure_ = process;
        if (!kill_time_) verdict_time_ = Clock::now() + seconds(moment);
      } else if (verdict_time_ && !first_failure_->killed() && process.killed()) {
        first_failure_ = process;
      }
    }
    if (!verdict_time_) return;
    if (Clock::now() < *verdict_time_ && running_count() > 0) return;
    verdict_time_.reset();
    still_running_ = running_count();
    if (!kill_time_) end_all(SIGTERM);
  }

  void check_deadlines() {
    const Clock::time_point now = Clock::now();
    if (timeout_ && now >= *timeout_ && running_count() > 0) {
      timeout_.reset();
      if (!kill_time_) {
        for (const RankProcess& process : processes_) {
          if (process.running) late_ranks_ += concat(late_ranks_.empty() ? "" : ", ", process.rank);
        }
        end_all(SIGTERM);
      }
    }
    if (kill_time_ && now >= *kill_time_) {
      send_all(SIGKILL);
      kill_time_ = now + seconds(1);  // a process in the kernel may take its time
    }
  }

  void send_all(int signal) {
    for (const RankProcess& process : processes_) process.send(signal);
  }

  /// Asks all ranks to end; those that do not within the grace time are killed.
  void end_all(int signal) {
    send_all(signal);
    send_all(SIGCONT);  // a stopped process would not hear it
    kill_time_ = Clock::now() + seconds(options_.grace_seconds);
  }

  /// All ranks have ended: what they wrote and is not passed on yet lies in the pipes.
  void take_rest_of_output() {
    constexpr int most_reads = 256;  // more than a pipe holds: a process that escaped may go on writing
    for (OutputRelay& relay : relays_) {
      for (int i = 0; i < most_reads && relay.open() && relay.read_some(); ++i) {}
      if (relay.open()) relay.finish();
    }
  }

  /// Waits for whoever reads our output; a signal ends the waiting.
  void flush() {
    timeout_.reset();
    kill_time_.reset();
    const int before = std::exchange(interrupted_by_, 0);
    while (!(output_.empty() && error_.empty()) && interrupted_by_ == 0) {
      wait_and_relay();
      take_signals();
      kill_time_.reset();
    }
    interrupted_by_ = before;
  }

  /// One line about how the job ended; empty when all went well.
  std::string summary() const {
    const std::string culprit =
        first_failure_ ? concat("rank ", first_failure_->rank, " (pid ", static_cast<long>(first_failure_->pid), ") ",
                                describe_status(first_failure_->status))
                       : std::string();
    if (interrupted_by_ != 0) {
      const std::string signal = concat("signal ", interrupted_by_, " (", ::strsignal(interrupted_by_), ")");
      if (culprit.empty()) return concat("passed on ", signal, "; all ranks ended with exit status 0");
      return concat("passed on ", signal, "; the first rank to fail: ", culprit);
    }
    if (!late_ranks_.empty()) {
      return concat("the time limit of ", options_.timeout_seconds,
                    " s passed; ended the ranks still running: ", late_ranks_);
    }
    if (culprit.empty()) return culprit;
    if (still_running_ == 0) return concat(culprit, "; no other rank was still running");
    if (still_running_ == 1) return concat(culprit, "; 1 other rank was still running and was ended");
    return concat(culprit, "; ", still_running_, " other ranks were still running and were ended");
  }

  int exit_status() const {
    if (interrupted_by_ == 0 && !late_ranks_.empty()) return 124;  // as timeout(1)
    return first_failure_ ? shell_status(first_failure_->status) : 0;
  }

  LaunchOptions options_;
  JobDescription job_;
  FileDescriptor signals_;
  OutputSink output_{STDOUT_FILENO}, error_{STDERR_FILENO};
  std::vector<FileDescriptor> logs_;
  std::vector<OutputRelay> relays_;
  std::vector<RankProcess> processes_;
  DeathWatch deaths_;
  std::optional<Clock::time_point> timeout_;       // when the job has run long enough
  std::optional<Clock::time_point> verdict_time_;  // when the first rank to fail gets the blame
  std::optional<Clock::time_point> kill_time_;     // when ranks that were asked to end are killed
  std::optional<RankProcess> first_failure_;
  std::size_t still_running_ = 0;  // when the first rank failed
  std::string late_ranks_;         // when the time limit passed
  int interrupted_by_ = 0;
};

/// Checks the options, then runs the job; throws ArgumentError naming the option.
inline int launch(const LaunchOptions& options) {
  constexpr int most_ranks = 1024;
  if (!options.command.empty() && (options.command.front().empty() || options.command.front().front() == '-')) {
    throw ArgumentError(concat("unknown option '", options.command.front(), "'; options stand before the program"));
  }
  constexpr const char* example = "; for example: lockstep launch -n 2 ./train";
  if (!options.ranks) throw ArgumentError(concat("-n is missing: the number of ranks to start", example));
  if (*options.ranks < 1 || *options.ranks > most_ranks) {
    throw ArgumentError(concat("-n must be from 1 to ", most_ranks, ", got ", *options.ranks,
                               "; it is the number of processes to start on this host"));
  }
  if (!(options.timeout_seconds >= 0)) {
    throw ArgumentError(concat("--timeout must not be negative, got ", options.timeout_seconds));
  }
  if (!(options.grace_seconds >= 0)) {
    throw ArgumentError(concat("--grace must not be negative, got ", options.grace_seconds));
  }
  if (options.command.empty()) throw ArgumentError(concat("there is no program to run", example));
  if (const int cores = available_cores(); *options.ranks > cores) {
    std::fprintf(stderr, "lockstep launch: warning: %d ranks on %d core%s: ranks will wait for each other's turn\n",
                 *options.ranks, cores, cores == 1 ? "" : "s");
  }
  return Launch(options).run();
}

}  // namespace lockstep::cli
