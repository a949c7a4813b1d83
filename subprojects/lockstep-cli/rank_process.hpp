// One rank as a process: started in a group of its own, so that it can be ended with everything it started itself.
#pragma once

#include <lockstep/core/error.hpp>
#include <lockstep/core/file.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

namespace lockstep::cli {

struct RankProcess {
  int rank = 0;
  pid_t pid = -1;
  bool running = false;
  int status = 0;  // as of waitpid(2), once it is not running any more

  bool failed() const { return !running && status != 0; }

  /// Ended by a signal other than abort(3)'s, which is how an exception that nobody catches ends a program.
  bool killed() const { return !running && WIFSIGNALED(status) && WTERMSIG(status) != SIGABRT; }

  /// Sends a signal to the rank and to all it started.
  void send(int signal) const {
    if (running) ::kill(-pid, signal);
  }
};

/// The program could not be started; `exit_status` is what a shell would return.
struct StartError : Error {
  StartError(const std::string& text, int status) : Error(text), exit_status(status) {}
  int exit_status;
};

/// The streams a rank starts with; -1 leaves the launcher's own in place.
struct RankStreams {
  int input = -1, output = -1, error = -1;
};

inline StartError start_error(const std::string& program, int code) {
  const bool is_path = program.find('/') != std::string::npos;
  const bool is_there = ::access(program.c_str(), F_OK) == 0;
  if (code == ENOENT && is_path && is_there) {
    return {concat("cannot start '", program,
                   "': its interpreter (first line of the script, or dynamic loader) is missing"),
            127};
  }
  if (code == ENOENT) {
    return {concat("cannot start '", program, "': no such program", is_path ? "" : " in PATH",
                   !is_path && is_there ? concat("; did you mean ./", program, "?") : ""),
            127};
  }
  if (code == EACCES) {
    return {concat("cannot start '", program, "': it is not an executable file (chmod +x?)"), 126};
  }
  return {concat("cannot start '", program, "': ", std::strerror(code)), 126};
}

namespace detail {

/// The child's side of `start_rank`: becomes the program, or reports errno through `report`.
[[noreturn]] inline void become_program(char* const* arguments, char* const* environment, const RankStreams& streams,
                                        pid_t launcher, int report) {
  sigset_t none;
  sigemptyset(&none);
  const auto replace = [](int from, int to) { return from < 0 || from == to || ::dup2(from, to) >= 0; };
  // The kernel ends the rank when the launcher dies, even by SIGKILL; it may have died before this line.
  if (::setpgid(0, 0) == 0 && ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == launcher &&
      replace(streams.input, STDIN_FILENO) && replace(streams.output, STDOUT_FILENO) &&
      replace(streams.error, STDERR_FILENO) && ::signal(SIGPIPE, SIG_DFL) != SIG_ERR &&
      ::sigprocmask(SIG_SETMASK, &none, nullptr) == 0) {
    ::execvpe(arguments[0], arguments, environment);
  }
  const int code = errno;
  [[maybe_unused]] const ssize_t count = ::write(report, &code, sizeof code);
  ::_exit(127);
}

inline std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace detail

/// Starts `command` as a rank and returns once it runs; throws StartError when the program cannot be executed.
inline RankProcess start_rank(int rank, const std::vector<std::string>& command,
                              const std::vector<std::string>& environment, const RankStreams& streams) {
  int channel[2];
  if (::pipe2(channel, O_CLOEXEC) != 0) throw io_error("start", concat("rank ", rank));
  FileDescriptor receive(channel[0]), report(channel[1]);
  const std::vector<char*> arguments = detail::pointers_to(command);
  const std::vector<char*> variables = detail::pointers_to(environment);
  const pid_t launcher = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) throw io_error("start", concat("rank ", rank));
  if (child == 0) detail::become_program(arguments.data(), variables.data(), streams, launcher, report.get());
  report.close();
  int code = 0;
  ssize_t count = 0;
  do {  // end of file: exec closed the other end
    count = ::read(receive.get(), &code, sizeof code);
  } while (count < 0 && errno == EINTR);
  if (count == static_cast<ssize_t>(sizeof code)) {
    ::waitpid(child, nullptr, 0);
    throw start_error(command.front(), code);
  }
  return {rank, child, true, 0};
}

/// "exit status 3" or "signal 9 (Killed)", with the verb that goes before it.
inline std::string describe_status(int status) {
  if (WIFEXITED(status)) return concat("failed with exit status ", WEXITSTATUS(status));
  return concat("was killed by signal ", WTERMSIG(status), " (", ::strsignal(WTERMSIG(status)), ")",
                WCOREDUMP(status) ? ", core dumped" : "");
}

/// What a shell returns for a process that ended so.
inline int shell_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace lockstep::cli
