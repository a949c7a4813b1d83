// Runs each rank of a test in a process of its own and collects what it has to say.
#pragma once

#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/file.hpp>

#include <doctest/doctest.h>

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::testing {

/// What became of one rank's process.
struct ProcessResult {
  int status = -1;     ///< As of waitpid(2).
  std::string text;    ///< What the rank's function returned, or "ERROR: " and the text it threw.
  bool hung = false;   ///< It did not end in time and was killed.
  double seconds = 0;  ///< From the start until it ended.
};

/// What the watchdog of a rank's process says, and where.
struct HangReport {
  int descriptor = -1;
  char text[300] = "";
};
inline HangReport hang_report;

inline void report_hang_of_rank(int) {  // only calls that are safe in a signal handler
  const std::size_t length = std::strlen(hang_report.text);
  const bool told = ::write(hang_report.descriptor, hang_report.text, length) > 0;
  ::_exit(::write(STDERR_FILENO, hang_report.text, length) > 0 && told ? 3 : 4);
}

/// Ends this process when it is still there after `seconds`, and names the test case and the rank.
inline void watch_rank(int rank, int descriptor, unsigned seconds) {
  const auto* test = doctest::getContextOptions()->currentTest;
  std::snprintf(hang_report.text, sizeof hang_report.text, "HANG: rank %d of the test case '%s' did not end in %u s\n",
                rank, test == nullptr ? "" : test->m_name, seconds);
  hang_report.descriptor = descriptor;
  ::signal(SIGALRM, report_hang_of_rank);
  ::alarm(seconds);
}

/// The processes of a test; those that still run at the end are killed.
class Processes {
 public:
  /// `function(rank)` returns a text; it runs in a fork of this process.
  template <class Function>
  Processes(int size, Function function) {
    for (int rank = 0; rank < size; ++rank) {
      int ends[2];
      if (::pipe(ends) != 0) throw EnvironmentError("pipe failed");
      FileDescriptor read_end(ends[0]), write_end(ends[1]);
      const pid_t process = ::fork();
      if (process < 0) throw EnvironmentError("fork failed");
      if (process == 0) {
        watch_rank(rank, write_end.get(), 100);
        std::string text;
        int status = 0;
        try {
          text = function(rank);
        } catch (const std::exception& error) {
          text = concat("ERROR: ", error.what());
          status = 1;
        }
        write_all(write_end, text.data(), text.size(), "pipe");
        write_end.close();
        ::_exit(status);
      }
      processes_.push_back(process);
      pipes_.push_back(std::move(read_end));
    }
  }
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;
  ~Processes() {
    for (const pid_t process : processes_) {
      if (process <= 0) continue;
      ::kill(process, SIGKILL);
      ::waitpid(process, nullptr, 0);
    }
  }

  pid_t operator[](int rank) const { return processes_[static_cast<std::size_t>(rank)]; }

  /// Waits until a rank ends, or kills it at the deadline.
  ProcessResult wait(int rank, const Deadline& deadline) {
    const auto index = static_cast<std::size_t>(rank);
    ProcessResult result;
    char buffer[512];
    for (;;) {
      pollfd descriptor{pipes_[index].get(), POLLIN, 0};
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left());
      if (::poll(&descriptor, 1, static_cast<int>(left.count())) <= 0) {
        result.hung = true;
        ::kill(processes_[index], SIGKILL);
        break;
      }
      const ssize_t count = ::read(pipes_[index].get(), buffer, sizeof buffer);
      if (count <= 0) break;
      result.text.append(buffer, static_cast<std::size_t>(count));
    }
    ::waitpid(processes_[index], &result.status, 0);
    processes_[index] = 0;
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    return result;
  }

  std::vector<ProcessResult> wait_all(std::chrono::seconds limit = std::chrono::seconds(60)) {
    const Deadline deadline = Deadline::after(limit);
    std::vector<ProcessResult> results;
    for (int rank = 0; rank < static_cast<int>(processes_.size()); ++rank) results.push_back(wait(rank, deadline));
    return results;
  }

 private:
  std::vector<pid_t> processes_;
  std::vector<FileDescriptor> pipes_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Every rank ended in time, with this text.
inline void check_all(const std::vector<ProcessResult>& results, const std::string& text) {
  for (std::size_t rank = 0; rank < results.size(); ++rank) {
    CAPTURE(rank);
    CHECK(!results[rank].hung);
    CHECK(results[rank].text == text);
  }
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace lockstep::testing
