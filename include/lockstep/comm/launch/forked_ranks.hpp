// Copies of this process that each run a function, and the watch over them: the first that fails ends all, and what it
// had to say is thrown here. Nothing of them is left when the watch ends, however it does.
#pragma once

#include <lockstep/core/chrono.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/file.hpp>
#include <lockstep/core/on_demand.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::detail {

/// Ends this process at once: no destructor, no handler of exit(3). Those belong to the process it is a copy of.
[[noreturn]] inline void end_copy(int status) {
  for (;;) ::syscall(SYS_exit_group, status);
}

// The thread sanitizer keeps a thread of its own once a program has made one; it may be copied.
#if defined(__SANITIZE_THREAD__)
inline constexpr int sanitizer_threads = 1;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr int sanitizer_threads = 1;
#else
inline constexpr int sanitizer_threads = 0;
#endif
#else
inline constexpr int sanitizer_threads = 0;
#endif

/// The threads of this process. One that was just joined may be counted for a moment more.
LOCKSTEP_ON_DEMAND int count_threads() {
  DIR* tasks = ::opendir("/proc/self/task");
  if (tasks == nullptr) throw io_error("read", "/proc/self/task");
  int count = 0;
  while (const dirent* entry = ::readdir(tasks)) count += entry->d_name[0] != '.';
  ::closedir(tasks);
  return count;
}

/// How a rank ended, as far as it could tell itself.
enum class RankEnd : std::uint8_t {
  unknown,  // it was killed, or ended itself
  finished,
  argument_error,
  shape_error,
  io_error,
  environment_error,
  communication_error,
  checkpoint_error,
  numerical_error,
  other_error,
};

/// The last message of a rank; the text of its error follows.
struct RankReport {
  RankEnd end = RankEnd::unknown;
  std::int64_t time = 0;  // on the monotonic clock, the same for all processes: tells who failed first
};

inline std::int64_t monotonic_nanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Deadline::Clock::now().time_since_epoch()).count();
}

/// Runs `function` and says how it ended.
template <class Function>
RankReport run_and_report(Function& function, std::string& text) noexcept {
  RankEnd end = RankEnd::finished;
  try {
    const auto note = [&](RankEnd kind, const std::exception& error) {
      end = kind;
      text = error.what();
    };
    try {
      function();
    } catch (const ArgumentError& error) {
      note(RankEnd::argument_error, error);
    } catch (const ShapeError& error) {
      note(RankEnd::shape_error, error);
    } catch (const IoError& error) {
      note(RankEnd::io_error, error);
    } catch (const EnvironmentError& error) {
      note(RankEnd::environment_error, error);
    } catch (const CommunicationError& error) {
      note(RankEnd::communication_error, error);
    } catch (const CheckpointError& error) {
      note(RankEnd::checkpoint_error, error);
    } catch (const NumericalError& error) {
      note(RankEnd::numerical_error, error);
    } catch (const std::exception& error) {
      note(RankEnd::other_error, error);
    }
  } catch (...) {
    end = RankEnd::other_error;
  }
  return {end, monotonic_nanoseconds()};
}

LOCKSTEP_ON_DEMAND [[noreturn]] void throw_as(RankEnd end, const std::string& text) {
  switch (end) {
    case RankEnd::argument_error:
      throw ArgumentError(text);
    case RankEnd::shape_error:
      throw ShapeError(text);
    case RankEnd::io_error:
      throw IoError(text);
    case RankEnd::environment_error:
      throw EnvironmentError(text);
    case RankEnd::checkpoint_error:
      throw CheckpointError(text);
    case RankEnd::numerical_error:
      throw NumericalError(text);
    case RankEnd::other_error:
      throw Error(text);
    default:
      throw CommunicationError(text);
  }
}

class ForkedRanks {
 public:
  ForkedRanks() = default;
  ForkedRanks(const ForkedRanks&) = delete;
  ForkedRanks& operator=(const ForkedRanks&) = delete;
  ~ForkedRanks() {
    signal_all(SIGKILL);
    for (const Rank& rank : ranks_) {
      while (rank.running && ::waitpid(rank.process, nullptr, 0) < 0 && errno == EINTR) {}
    }
  }

  /// Runs `function()` in a copy of this process, as the next rank. Throws EnvironmentError when there can be none.
  template <class Function>
  void start(Function function) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw refusal();
    FileDescriptor report(ends[0]), tell(ends[1]);
    ::fcntl(report.get(), F_SETFL, O_NONBLOCK);
    ranks_.emplace_back();
    std::fflush(nullptr);  // what is buffered now would be written by every copy
    const pid_t parent = ::getpid();
    const pid_t process = ::fork();
    if (process < 0) throw refusal();
    if (process == 0) {
      // The kernel ends a rank whose parent dies, even by SIGKILL; it may have died before this line.
      if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) end_copy(1);
      for (Rank& other : ranks_) {
        other.report.close();
        other.death.close();
      }
      report.close();
      run(function, tell.get());
    }
    Rank& rank = ranks_.back();
    rank.process = process;
    rank.running = true;
    rank.report = std::move(report);
#ifdef SYS_pidfd_open
    rank.death = FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
#endif
  }

  /// Waits until all ranks have ended. When one fails, or the deadline passes, the others get SIGTERM, then SIGKILL
  /// after `grace`; throws the error of the rank that failed first, as the kind of error it was.
  LOCKSTEP_ON_DEMAND void wait(std::chrono::nanoseconds limit, std::chrono::nanoseconds grace) {
    const Deadline deadline = Deadline::after(limit);
    Deadline soon = deadline, later = deadline, kill = deadline;
    bool failed = false, ending = false, late = false;
    std::string still_running;
    int others = 0;
    for (;;) {
      collect(ending);
      if (running_count() == 0) break;
      const Rank* first = culprit();
      if (!failed && first != nullptr) {
        // A moment for the others, who may be about to say what they were doing; a longer one when all that is known is
        // that a rank missed another: the cause may be slower to end than who noticed it.
        failed = true;
        soon = deadline.at_most(std::chrono::milliseconds(200));
        later = deadline.at_most(std::chrono::seconds(2));
      }
      const Deadline& verdict = !failed ? deadline : blame(*first) == Blame::noticed ? later : soon;
      if (!ending && verdict.passed()) {
        late = !failed;
        ending = true;
        others = running_count();
        still_running = list_running();
        signal_all(SIGTERM);
        signal_all(SIGCONT);  // a stopped process would not hear it
        kill = Deadline::after(grace);
      }
      if (ending && kill.passed()) {
        signal_all(SIGKILL);
        kill = Deadline::after(std::chrono::milliseconds(100));
      }
      sleep_until_news(ending ? kill : verdict);
    }
    if (late) {
      throw CommunicationError(concat("launch: the deadline of ", std::chrono::duration<double>(limit).count(),
                                      " s passed; rank(s) ", still_running,
                                      " were still running and were ended; look for what they waited for, or raise "
                                      "LaunchOptions::deadline"));
    }
    if (const Rank* first = culprit()) throw_failure(*first, others);
  }

  std::size_t size() const { return ranks_.size(); }

 private:
  struct Rank {
    pid_t process = -1;
    bool running = false;
    bool told_to_end = false;  // before it ended
    int status = 0;            // as of waitpid(2); -1 when nobody knows
    RankReport report_head{};
    std::string text;       // the bytes of its report
    FileDescriptor report;  // it comes from here
    FileDescriptor death;   // becomes readable when the process ends; empty on kernels before 5.3

    bool failed() const { return process > 0 && !running && !(status == 0 && report_head.end == RankEnd::finished); }
  };

  LOCKSTEP_ON_DEMAND EnvironmentError refusal() const {
    return EnvironmentError(concat("launch: cannot start rank ", ranks_.empty() ? 0 : ranks_.size() - 1, ": ",
                                   std::strerror(errno), "; check the limits of processes and open files (ulimit)"));
  }

  template <class Function>
  [[noreturn]] static void run(Function& function, int tell) {
    std::string message(sizeof(RankReport), '\0'), text;
    const RankReport head = run_and_report(function, text);
    std::fflush(nullptr);
    std::memcpy(message.data(), &head, sizeof head);
    message.append(text, 0, most_text);
    for (std::size_t done = 0; done < message.size();) {
      const ssize_t count = ::write(tell, message.data() + done, message.size() - done);
      if (count < 0 && errno != EINTR) break;
      if (count > 0) done += static_cast<std::size_t>(count);
    }
    end_copy(head.end == RankEnd::finished ? 0 : 1);
  }

  /// Takes in reports and the ends of processes.
  LOCKSTEP_ON_DEMAND void collect(bool ending) {
    for (Rank& rank : ranks_) {
      if (!rank.running) continue;
      read_report(rank);
      int status = 0;
      const pid_t result = ::waitpid(rank.process, &status, WNOHANG);
      if (result == 0 || (result < 0 && errno == EINTR)) continue;
      read_report(rank);  // it may have come in between
      rank.running = false;
      rank.told_to_end = ending;
      rank.status = result < 0 ? -1 : status;  // somebody else reaped it, or SIGCHLD is ignored
      rank.report.close();
      rank.death.close();
      if (rank.text.size() >= sizeof(RankReport)) {
        std::memcpy(&rank.report_head, rank.text.data(), sizeof(RankReport));
        rank.text.erase(0, sizeof(RankReport));
        if (rank.status == -1) rank.status = rank.report_head.end == RankEnd::finished ? 0 : 1;
      } else {
        rank.text.clear();
        rank.report_head = {RankEnd::unknown, monotonic_nanoseconds()};
      }
    }
  }

  LOCKSTEP_ON_DEMAND static void read_report(Rank& rank) {
    char buffer[4096];
    while (rank.report) {
      const ssize_t count = ::read(rank.report.get(), buffer, sizeof buffer);
      if (count < 0) return;  // nothing there; a signal that came in between is no reason to hurry
      if (count == 0 || rank.text.size() > sizeof(RankReport) + most_text) {
        rank.report.close();
      } else {
        rank.text.append(buffer, static_cast<std::size_t>(count));
      }
    }
  }

  LOCKSTEP_ON_DEMAND void sleep_until_news(const Deadline& deadline) const {
    std::vector<pollfd> watched;
    long long longest = 3600'000;
    for (const Rank& rank : ranks_) {
      if (!rank.running) continue;
      watched.push_back({rank.report.get(), POLLIN, 0});
      watched.push_back({rank.death.get(), POLLIN, 0});
      if (!rank.death) longest = 20;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left()).count() + 1;
    ::poll(watched.data(), watched.size(), static_cast<int>(std::min<long long>(left, longest)));
  }

  LOCKSTEP_ON_DEMAND void signal_all(int signal) {
    for (const Rank& rank : ranks_) {
      if (rank.running) ::kill(rank.process, signal);  // not reaped, so the number is still its own
    }
  }

  LOCKSTEP_ON_DEMAND int running_count() const {
    return static_cast<int>(std::count_if(ranks_.begin(), ranks_.end(), [](const Rank& rank) { return rank.running; }));
  }

  LOCKSTEP_ON_DEMAND std::string list_running() const {
    std::string list;
    for (std::size_t index = 0; index < ranks_.size(); ++index) {
      if (ranks_[index].running) list += concat(list.empty() ? "" : ", ", index);
    }
    return list;
  }

  /// The stronger the suspicion, the smaller.
  enum class Blame { killed, failed, noticed };

  LOCKSTEP_ON_DEMAND static Blame blame(const Rank& rank) {
    if (rank.report_head.end == RankEnd::communication_error) return Blame::noticed;
    // abort(3) is how an error that nobody catches ends a program.
    const bool aborted = rank.status > 0 && WIFSIGNALED(rank.status) && WTERMSIG(rank.status) == SIGABRT;
    return rank.report_head.end == RankEnd::unknown && !aborted ? Blame::killed : Blame::failed;
  }

  /// The rank to blame, of those that failed by themselves: one that was killed before one that threw, since its peers
  /// throw because of it; an own error before one of communication; then the first. Null when none failed.
  LOCKSTEP_ON_DEMAND const Rank* culprit() const {
    const Rank* worst = nullptr;
    for (const Rank& rank : ranks_) {
      if (!rank.failed() || rank.told_to_end) continue;
      if (worst == nullptr || blame(rank) < blame(*worst) ||
          (blame(rank) == blame(*worst) && rank.report_head.time < worst->report_head.time)) {
        worst = &rank;
      }
    }
    return worst;
  }

  LOCKSTEP_ON_DEMAND [[noreturn]] void throw_failure(const Rank& rank, int others) const {
    std::string text = concat("launch: rank ", static_cast<long>(&rank - ranks_.data()), " of ", ranks_.size(),
                              " (pid ", static_cast<long>(rank.process), ")");
    const RankEnd end = rank.report_head.end;
    if (end != RankEnd::unknown && end != RankEnd::finished) {
      text += concat(": ", rank.text.empty() ? "threw something that is no std::exception" : rank.text.c_str());
    } else if (rank.status > 0 && WIFSIGNALED(rank.status)) {
      text += concat(" was killed by signal ", WTERMSIG(rank.status), " (", ::strsignal(WTERMSIG(rank.status)), ")");
    } else if (rank.status >= 0) {
      text += concat(" ended with exit status ", WEXITSTATUS(rank.status), " instead of returning from its function");
    } else {
      text += " ended without a word";
    }
    if (others > 0) {
      text += concat("; ", others, others == 1 ? " other rank was" : " other ranks were", " still running and ",
                     others == 1 ? "was" : "were", " ended");
    }
    throw_as(end, text);
  }

  static constexpr std::size_t most_text = 32768;

  std::vector<Rank> ranks_;
};

}  // namespace lockstep::detail
