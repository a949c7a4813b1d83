// Tells which ranks ended, in the order in which they did: the first to end is the one to blame.
#pragma once

#include "rank_process.hpp"
#include <lockstep/core/file.hpp>

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <utility>
#include <vector>

namespace lockstep::cli {

/// Watches processes by pidfd, which epoll reports first in, first out. When one rank dies its peers notice and end
/// within milliseconds; SIGCHLD alone could not tell who was first. Kernels before 5.3 have no pidfd: there SIGCHLD
/// must wake the caller, and the order within one `collect` is that of the ranks.
class DeathWatch {
 public:
  /// Readable when a process ended.
  int descriptor() const { return queue_.get(); }

  /// Processes are added in the order in which `collect` gets them.
  void add(const RankProcess& process) {
    FileDescriptor handle;
#ifdef SYS_pidfd_open
    handle = FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
#endif
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = static_cast<unsigned>(handles_.size());
    if (handle && ::epoll_ctl(queue_.get(), EPOLL_CTL_ADD, handle.get(), &event) != 0) handle.close();
    handles_.push_back(std::move(handle));
  }

  /// Marks the processes that ended since the last call; returns their indices in the order of their end.
  /// What a rank had started itself and left behind is killed.
  std::vector<std::size_t> collect(std::vector<RankProcess>& processes) {
    std::vector<std::size_t> ended;
    if (processes.empty()) return ended;
    std::vector<epoll_event> events(processes.size());
    const int count = ::epoll_wait(queue_.get(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) collect_one(processes, events[static_cast<std::size_t>(i)].data.u32, ended);
    for (std::size_t index = 0; index < processes.size(); ++index) {
      if (!handles_[index]) collect_one(processes, index, ended);
    }
    return ended;
  }

 private:
  void collect_one(std::vector<RankProcess>& processes, std::size_t index, std::vector<std::size_t>& ended) {
    RankProcess& process = processes[index];
    siginfo_t info{};  // WNOWAIT: as long as it is not reaped, its number names its group and nobody else's
    if (!process.running || ::waitid(P_PID, static_cast<id_t>(process.pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == 0) {
      return;
    }
    process.send(SIGKILL);
    ::waitpid(process.pid, &process.status, 0);
    process.running = false;
    handles_[index].close();
    ended.push_back(index);
  }

  FileDescriptor queue_{::epoll_create1(EPOLL_CLOEXEC)};
  std::vector<FileDescriptor> handles_;  // empty for a process that ended, or without pidfd
};

}  // namespace lockstep::cli
