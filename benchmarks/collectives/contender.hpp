// The ranks of one contender, as processes that sleep until they are asked.
#pragma once

#include "protocol.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace benchmarks {

/// How the ranks of a contender are started: one command for each, or one that starts them all.
struct Recipe {
  std::string label;
  std::vector<std::string> command;  ///< The socket's name, the page and the folder are added, and what follows.
  std::vector<std::string> suffix;   ///< "{rank}" and "{size}" stand for the numbers.
  bool starts_all = false;
  bool bind = false;  ///< Each rank to a processor of its own, if there are enough.
};

/// Binds the calling process to one processor of those that it may run on, as mpirun does: left to itself, the system
/// often puts ranks that wake each other on the same one. Not when there are more ranks than processors.
inline void bind_to_processor(int rank, int size) {
  cpu_set_t allowed, chosen;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < size) return;
  CPU_ZERO(&chosen);
  for (int processor = 0, index = 0; processor < CPU_SETSIZE; ++processor) {
    if (CPU_ISSET(processor, &allowed) && index++ == rank) CPU_SET(processor, &chosen);
  }
  ::sched_setaffinity(0, sizeof chosen, &chosen);
}

class Contender {
 public:
  Contender(const Recipe& recipe, int size, int index, const std::string& folder) : label_(recipe.label), size_(size) {
    page_memory_ = lockstep::FileDescriptor(::memfd_create("collectives", 0));
    if (!page_memory_ || ::ftruncate(page_memory_.get(), sizeof(SharedPage)) != 0) {
      throw lockstep::io_error("create", "the shared page");
    }
    page_ = map_shared_page(page_memory_);
    const std::string own = "/proc/" + std::to_string(::getpid());
    const std::string name =
        "lockstep-collectives-" + std::to_string(::getpid()) + "-" + std::to_string(size) + "-" + std::to_string(index);
    lockstep::FileDescriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address;
    const socklen_t length = socket_address(name, address);
    if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
        ::listen(listener.get(), max_ranks) != 0) {
      throw lockstep::io_error("listen on", name);
    }
    for (int rank = 0; rank < (recipe.starts_all ? 1 : size); ++rank) {
      std::vector<std::string> words = recipe.command;
      words.insert(words.end(), {name, own + "/fd/" + std::to_string(page_memory_.get()), folder});
      for (const std::string& word : recipe.suffix) {
        words.push_back(word == "{rank}" ? std::to_string(rank) : word == "{size}" ? std::to_string(size) : word);
      }
      start(words, recipe.bind ? rank : -1);
    }
    sockets_.resize(static_cast<std::size_t>(size));
    for (int i = 0; i < size; ++i) {
      wait_for(listener, "start");
      lockstep::FileDescriptor socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      Reply hello;
      if (!receive_from(socket, hello) || hello.rank < 0 || hello.rank >= size) give_up("start");
      sockets_[static_cast<std::size_t>(hello.rank)] = std::move(socket);
    }
  }
  Contender(const Contender&) = delete;
  Contender& operator=(const Contender&) = delete;
  ~Contender() {
    for (const lockstep::FileDescriptor& socket : sockets_) {
      const Command stop;
      if (socket) static_cast<void>(::send(socket.get(), &stop, sizeof stop, MSG_NOSIGNAL));
    }
    for (const pid_t process : processes_) end(process);
    ::munmap(page_, sizeof(SharedPage));
  }

  const std::string& label() const { return label_; }
  int size() const { return size_; }

  /// All ranks obey; the sum of what they answer. Throws when one does not answer in time.
  Reply ask(const Command& command) {
    for (const lockstep::FileDescriptor& socket : sockets_) send_to(socket, command);
    Reply sum;
    for (const lockstep::FileDescriptor& socket : sockets_) {
      wait_for(socket, to_string(command.operation));
      Reply reply;
      if (!receive_from(socket, reply)) give_up(to_string(command.operation));
      sum.wrong += reply.wrong;
      sum.supported &= reply.supported;
      sum.descriptors += reply.descriptors;
      sum.resident_bytes += reply.resident_bytes;
    }
    return sum;
  }

  /// Seconds per call, one per sample: the longest of all ranks.
  std::vector<double> time(Operation operation, std::uint64_t samples, std::uint64_t calls_per_sample) {
    samples = std::min<std::uint64_t>(samples, max_samples);
    ask({Task::time, operation, 0, samples, calls_per_sample});
    std::vector<double> times(samples);
    for (int rank = 0; rank < size_; ++rank) {
      for (std::size_t i = 0; i < samples; ++i) times[i] = std::max(times[i], page_->seconds[rank][i]);
    }
    return times;
  }

 private:
  static constexpr int patience_seconds = 120;

  void start(std::vector<std::string>& words, int rank) {
    const pid_t parent = ::getpid();
    const pid_t process = ::fork();
    if (process < 0) throw lockstep::EnvironmentError("cannot start a process");
    if (process > 0) return processes_.push_back(process);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(1);
    if (rank >= 0) bind_to_processor(rank, size_);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::execvp(arguments[0], arguments.data());
    std::fprintf(stderr, "collectives: cannot start '%s': %s\n", arguments[0], std::strerror(errno));
    ::_exit(127);
  }

  void wait_for(const lockstep::FileDescriptor& descriptor, const char* what) {
    pollfd waited{descriptor.get(), POLLIN, 0};
    for (int second = 0; second < patience_seconds; ++second) {
      if (::poll(&waited, 1, 1000) > 0) return;
      for (pid_t& process : processes_) {
        if (process > 0 && ::waitpid(process, nullptr, WNOHANG) == process) {
          process = 0;
          give_up(what);
        }
      }
    }
    give_up(what);
  }

  [[noreturn]] void give_up(const char* what) {
    for (const pid_t process : processes_) {
      if (process > 0) ::kill(process, SIGTERM);
    }
    throw lockstep::CommunicationError(lockstep::concat("the contender ", label_, " with ", size_, " ranks failed in ",
                                                        what, "; what it said about it is above"));
  }

  /// Waits a while for a process that was told to stop.
  static void end(pid_t process) {
    if (process <= 0) return;
    for (int i = 0; i < 500; ++i) {
      if (::waitpid(process, nullptr, WNOHANG) != 0) return;
      ::usleep(10000);
    }
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
  }

  std::string label_;
  int size_;
  lockstep::FileDescriptor page_memory_;
  SharedPage* page_ = nullptr;
  std::vector<lockstep::FileDescriptor> sockets_;
  std::vector<pid_t> processes_;
};

}  // namespace benchmarks
