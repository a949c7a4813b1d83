// `lockstep launch`: runs this host's ranks of a job from their start to their end, several times if need be.
#pragma once

#include "death_watch.hpp"
#include "job_description.hpp"
#include "launch_options.hpp"
#include "output_relay.hpp"
#include "output_sink.hpp"
#include "rank_process.hpp"
#include <lockstep/core/error.hpp>
#include <lockstep/core/file.hpp>

#include <fcntl.h>
#include <poll.h>
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

/// One run of `lockstep launch`. Single-threaded: everything that can happen wakes one poll(2).
class Launch {
 public:
  explicit Launch(LaunchOptions options) : options_(std::move(options)), job_(options_) {
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
    send_all(SIGKILL);
    for (const RankProcess& process : attempt_.processes) {
      if (process.running) ::waitpid(process.pid, nullptr, 0);
    }
  }
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;

  /// Returns the exit status of the job; throws StartError when the program cannot be executed.
  int run() {
    open_logs();
    if (options_.timeout_seconds > 0) timeout_ = Clock::now() + seconds(options_.timeout_seconds);
    run_attempt();
    for (int restart = 1; restart <= options_.max_restarts && may_restart(); ++restart) {
      earlier_failures_.push_back(describe_culprit());
      error_.append(concat("lockstep launch: ", describe_failure(), "; starting all ranks again (restart ", restart,
                           " of ", options_.max_restarts, ")\n"));
      attempt_ = Attempt();
      job_.begin_attempt(restart);
      run_attempt();
    }
    if (const std::string line = summary(); !line.empty()) error_.append("lockstep launch: " + line + "\n");
    flush();
    return exit_status();
  }

 private:
  using Clock = std::chrono::steady_clock;

  /// What is new with every start of the ranks.
  struct Attempt {
    std::vector<OutputRelay> relays;
    std::vector<std::size_t> error_relays;  // the relay of each rank's standard error; `no_relay` where there is none
    std::vector<RankProcess> processes;
    DeathWatch deaths;
    std::optional<Clock::time_point> verdict_time;  // when the first rank to fail gets the blame
    std::optional<Clock::time_point> kill_time;     // when ranks that were asked to end are killed
    std::optional<std::size_t> first_failure;       // its place on this host
    std::size_t still_running = 0;                  // when the first rank failed
  };
  static constexpr std::size_t no_relay = static_cast<std::size_t>(-1);

  void run_attempt() {
    const FileDescriptor nothing = open_file("/dev/null", O_RDONLY);
    for (int local_rank = 0; local_rank < job_.description().ranks_per_node; ++local_rank) {
      start(local_rank, nothing.get());
    }
    while (running_count() > 0) {
      wait_and_relay();
      take_signals();
      note_ended();
      check_deadlines();
    }
    take_rest_of_output();
    take_signals();  // one that came last shall keep the ranks from being started again
  }

  bool may_restart() const { return attempt_.first_failure && interrupted_by_ == 0 && late_ranks_.empty(); }

  static Clock::duration seconds(double value) {
    constexpr double thirty_years = 1e9;  // much more does not fit
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::min(value, thirty_years)));
  }

  void open_logs() {
    if (options_.log_directory.empty()) return;
    if (::mkdir(options_.log_directory.c_str(), 0777) != 0 && errno != EEXIST) {
      throw io_error("create", options_.log_directory);
    }
    for (int local_rank = 0; local_rank < job_.description().ranks_per_node; ++local_rank) {
      const std::string path = concat(options_.log_directory, "/rank-", job_.description().rank(local_rank), ".log");
      logs_.push_back(open_file(path, O_WRONLY | O_CREAT | O_TRUNC));
    }
  }

  void start(int local_rank, int nothing) {
    const int rank = job_.description().rank(local_rank);
    FileDescriptor output, error;
    RankStreams streams;
    // A rank is no member of the terminal's foreground group, so reading from the terminal would stop it.
    if (rank != 0 || ::isatty(STDIN_FILENO) == 1) streams.input = nothing;
    const bool direct = rank == 0 && logs_.empty();
    if (!direct || !output_.is_terminal()) output = relay(local_rank, output_);
    attempt_.error_relays.push_back(no_relay);
    if (!direct || !error_.is_terminal()) {
      attempt_.error_relays.back() = attempt_.relays.size();
      error = relay(local_rank, error_);
    }
    streams.output = output.get();
    streams.error = error.get();
    attempt_.processes.push_back(
        start_rank(rank, options_.command, rank_environment(job_.description(), local_rank), streams));
    attempt_.deaths.add(attempt_.processes.back());
  }

  /// Makes a relay to `sink`; returns the end that the rank writes to.
  FileDescriptor relay(int local_rank, OutputSink& sink) {
    const int rank = job_.description().rank(local_rank);
    int channel[2];
    if (::pipe2(channel, O_CLOEXEC) != 0) throw io_error("start", concat("rank ", rank));
    FileDescriptor source(channel[0]), target(channel[1]);
    ::fcntl(source.get(), F_SETFL, O_NONBLOCK);
    attempt_.relays.emplace_back(std::move(source), &sink, rank == 0 ? std::string() : concat("[rank ", rank, "] "),
                                 logs_.empty() ? nullptr : &logs_[static_cast<std::size_t>(local_rank)]);
    return target;
  }

  std::size_t running_count() const {
    return static_cast<std::size_t>(std::count_if(attempt_.processes.begin(), attempt_.processes.end(),
                                                  [](const RankProcess& process) { return process.running; }));
  }

  /// Sleeps until something happens, then passes on what ranks wrote.
  void wait_and_relay() {
    std::vector<pollfd> watched{{signals_.get(), POLLIN, 0}, {attempt_.deaths.descriptor(), POLLIN, 0}};
    for (const OutputSink* sink : {&output_, &error_}) {
      watched.push_back({sink->empty() ? -1 : sink->descriptor(), POLLOUT, 0});
    }
    for (const OutputRelay& relay : attempt_.relays) {
      watched.push_back({relay.wants_input() ? relay.descriptor() : -1, POLLIN, 0});
    }
    ::poll(watched.data(), watched.size(), milliseconds_to_deadline());
    if (watched[2].revents != 0) output_.write_some();
    if (watched[3].revents != 0) error_.write_some();
    for (std::size_t i = 0; i < attempt_.relays.size(); ++i) {
      if (watched[i + 4].revents != 0) attempt_.relays[i].read_some();
    }
  }

  int milliseconds_to_deadline() const {
    int result = -1;
    for (const std::optional<Clock::time_point>& deadline : {timeout_, attempt_.verdict_time, attempt_.kill_time}) {
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
    for (const std::size_t index : attempt_.deaths.collect(attempt_.processes)) {
      const RankProcess& process = attempt_.processes[index];
      if (!process.failed()) continue;
      if (!attempt_.first_failure) {
        attempt_.first_failure = index;
        if (!attempt_.kill_time) attempt_.verdict_time = Clock::now() + seconds(moment);
      } else if (attempt_.verdict_time && !first_failure().killed() && process.killed()) {
        attempt_.first_failure = index;
      }
    }
    if (!attempt_.verdict_time) return;
    if (Clock::now() < *attempt_.verdict_time && running_count() > 0) return;
    attempt_.verdict_time.reset();
    attempt_.still_running = running_count();
    if (!attempt_.kill_time) end_all(SIGTERM);
  }

  const RankProcess& first_failure() const { return attempt_.processes[*attempt_.first_failure]; }

  void check_deadlines() {
    const Clock::time_point now = Clock::now();
    if (timeout_ && now >= *timeout_ && running_count() > 0) {
      timeout_.reset();
      if (!attempt_.kill_time) {
        for (const RankProcess& process : attempt_.processes) {
          if (process.running) late_ranks_ += concat(late_ranks_.empty() ? "" : ", ", process.rank);
        }
        end_all(SIGTERM);
      }
    }
    if (attempt_.kill_time && now >= *attempt_.kill_time) {
      send_all(SIGKILL);
      attempt_.kill_time = now + seconds(1);  // a process in the kernel may take its time
    }
  }

  void send_all(int signal) {
    for (const RankProcess& process : attempt_.processes) process.send(signal);
  }

  /// Asks all ranks to end; those that do not within the grace time are killed.
  void end_all(int signal) {
    send_all(signal);
    send_all(SIGCONT);  // a stopped process would not hear it
    attempt_.kill_time = Clock::now() + seconds(options_.grace_seconds);
  }

  /// All ranks have ended: what they wrote and is not passed on yet lies in the pipes.
  void take_rest_of_output() {
    constexpr int most_reads = 256;  // more than a pipe holds: a process that escaped may go on writing
    for (OutputRelay& relay : attempt_.relays) {
      for (int i = 0; i < most_reads && relay.open() && relay.read_some(); ++i) {}
      if (relay.open()) relay.finish();
    }
  }

  /// Waits for whoever reads our output; a signal ends the waiting.
  void flush() {
    timeout_.reset();
    attempt_.kill_time.reset();
    const int before = std::exchange(interrupted_by_, 0);
    while (!(output_.empty() && error_.empty()) && interrupted_by_ == 0) {
      wait_and_relay();
      take_signals();
      attempt_.kill_time.reset();
    }
    interrupted_by_ = before;
  }

  /// "rank 1 (pid 7) failed with exit status 3, last error line: ...".
  std::string describe_culprit() const {
    const RankProcess& process = first_failure();
    std::string text =
        concat("rank ", process.rank, " (pid ", static_cast<long>(process.pid), ") ", describe_status(process.status));
    const std::size_t relay = attempt_.error_relays[*attempt_.first_failure];
    if (relay == no_relay) return text;
    constexpr std::size_t longest = 300;
    std::string line = attempt_.relays[relay].last_line();
    std::erase_if(line, [](unsigned char character) { return character < 32 || character == 127; });
    if (line.empty()) return text;
    return concat(text, ", last error line: ", line.substr(0, longest), line.size() > longest ? "..." : "");
  }

  /// How an attempt failed: its first failure, and what became of the others.
  std::string describe_failure() const {
    const std::string culprit = describe_culprit();
    const std::size_t others = attempt_.still_running;
    if (others == 0) return concat(culprit, "; no other rank", on_this_host(), " was still running");
    if (others == 1) return concat(culprit, "; 1 other rank", on_this_host(), " was still running and was ended");
    return concat(culprit, "; ", others, " other ranks", on_this_host(), " were still running and were ended");
  }

  const char* on_this_host() const { return options_.nodes > 1 ? " on this host" : ""; }

  /// How this attempt ended; empty when all went well.
  std::string describe_end() const {
    if (interrupted_by_ != 0) {
      const std::string signal = concat("signal ", interrupted_by_, " (", ::strsignal(interrupted_by_), ")");
      if (!attempt_.first_failure) return concat("passed on ", signal, "; all ranks ended with exit status 0");
      return concat("passed on ", signal, "; the first rank to fail: ", describe_culprit());
    }
    if (!late_ranks_.empty()) {
      return concat("the time limit of ", options_.timeout_seconds,
                    " s passed; ended the ranks still running: ", late_ranks_);
    }
    return attempt_.first_failure ? describe_failure() : std::string();
  }

  /// One line about how the job ended; empty when all went well at once.
  std::string summary() const {
    std::string text = describe_end();
    if (earlier_failures_.empty()) return text;
    if (text.empty()) text = "all ranks ended with exit status 0";
    text += concat("; this was attempt ", earlier_failures_.size() + 1);
    for (std::size_t i = 0; i < earlier_failures_.size(); ++i) {
      text += concat("; attempt ", i + 1, ": ", earlier_failures_[i]);
    }
    return text;
  }

  int exit_status() const {
    if (interrupted_by_ == 0 && !late_ranks_.empty()) return 124;  // as timeout(1)
    return attempt_.first_failure ? shell_status(first_failure().status) : 0;
  }

  LaunchOptions options_;
  Job job_;
  FileDescriptor signals_;
  OutputSink output_{STDOUT_FILENO}, error_{STDERR_FILENO};
  std::vector<FileDescriptor> logs_;
  Attempt attempt_;
  std::vector<std::string> earlier_failures_;  // one for each attempt before this one
  std::optional<Clock::time_point> timeout_;   // when the job has run long enough
  std::string late_ranks_;                     // when the time limit passed
  int interrupted_by_ = 0;
};

/// Checks the options, then runs the job; throws ArgumentError naming the option.
inline int launch(LaunchOptions options) {
  check_options(options);
  if (const int cores = available_cores(); *options.ranks > cores) {
    std::fprintf(stderr, "lockstep launch: warning: %d ranks on %d core%s: ranks will wait for each other's turn\n",
                 *options.ranks, cores, cores == 1 ? "" : "s");
  }
  return Launch(std::move(options)).run();
}

}  // namespace lockstep::cli
