// How the processes of one host meet: rank 0 listens on an abstract Unix socket, the others connect, and rank 0 hands
// everyone the control memory and a handle on every process. A name can be seen and taken by anyone, so both ends check
// the other's user before they believe a word.
#pragma once

#include <lockstep/comm/host/arena.hpp>
#include <lockstep/comm/host/control_page.hpp>
#include <lockstep/comm/host/failure.hpp>
#include <lockstep/comm/host/rebuild.hpp>
#include <lockstep/comm/host/unix_socket.hpp>
#include <lockstep/comm/launch/job_secret.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>

#include <poll.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::detail {

/// What a rank must know to find its peers.
struct RingMeeting {
  int rank;
  int size;
  std::string name;
  std::optional<JobSecret> secret;
  std::size_t staging_bytes;
  Deadline deadline;
  std::vector<int> deaths = {};  ///< By rank, where they are known: descriptors that become readable when one ends.
};

/// What a rank has after the meeting.
struct RingLinks {
  FileDescriptor control;               // the control memory
  std::vector<FileDescriptor> sockets;  // rank 0: to every other rank, by rank; others: to rank 0, at index 0
  std::vector<FileDescriptor> deaths;   // by rank: becomes readable when the process ends; empty where unsupported
};

/// Differs between versions whose ranks lay out the control memory in other ways.
inline constexpr std::uint64_t ring_protocol =
    0x4c53524e47303200U + (sizeof(RankControl) / 64 + sizeof(GroupControl) / 64) % 256;

struct RingHello {
  std::uint64_t protocol = ring_protocol;
  std::int32_t rank = 0, size = 0, process = 0;
  std::uint32_t has_secret = 0;
  std::uint64_t staging_bytes = 0;
  JobSecret secret{};
  cpu_set_t processors{};  // launchers often bind each rank to its own
  char host[64] = "";
};

struct RingWelcome {
  std::uint64_t protocol = ring_protocol;
  std::uint32_t accepted = 0;
  std::uint32_t has_deaths = 0;
  char refusal[496] = "";
};

inline void copy_text(std::span<char> to, std::string_view text) {
  const std::size_t length = std::min(text.size(), to.size() - 1);
  std::memcpy(to.data(), text.data(), length);
  to[length] = '\0';
}

inline bool same_secret(const JobSecret& a, const JobSecret& b) {  // in a time that does not depend on the contents
  std::byte difference{0};
  for (std::size_t i = 0; i < a.size(); ++i) difference |= a[i] ^ b[i];
  return difference == std::byte{0};
}

/// A descriptor that becomes readable when this process ends, wherever it is sent; empty on kernels that have none.
inline FileDescriptor own_death() { return FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0))); }

LOCKSTEP_ON_DEMAND RingHello make_hello(const RingMeeting& meeting) {
  RingHello hello;
  hello.rank = meeting.rank;
  hello.size = meeting.size;
  hello.process = ::getpid();
  hello.staging_bytes = meeting.staging_bytes;
  hello.processors = allowed_processors();
  hello.has_secret = meeting.secret.has_value();
  if (meeting.secret) hello.secret = *meeting.secret;
  if (::gethostname(hello.host, sizeof hello.host - 1) != 0) copy_text(hello.host, "unknown");
  return hello;
}

/// The first rank whose process has ended, or -1.
LOCKSTEP_ON_DEMAND int find_ended(const RingMeeting& meeting) {
  for (std::size_t rank = 0; rank < meeting.deaths.size(); ++rank) {
    pollfd watched{meeting.deaths[rank], POLLIN, 0};
    if (::poll(&watched, 1, 0) > 0) return static_cast<int>(rank);
  }
  return -1;
}

/// The side of rank 0.
class RingHost {
 public:
  LOCKSTEP_ON_DEMAND explicit RingHost(const RingMeeting& meeting)
      : meeting_(meeting), hellos_(static_cast<std::size_t>(meeting.size)) {
    links_.sockets.resize(hellos_.size());
    links_.deaths.resize(hellos_.size());
  }

  LOCKSTEP_ON_DEMAND RingLinks meet() {
    hellos_[0] = make_hello(meeting_);
    links_.deaths[0] = own_death();
    if (meeting_.size > 1) {
      try {
        gather();
      } catch (const Error& error) {
        refuse_all(error.what());
        throw;
      }
    }
    make_control();
    for (int rank = 1; rank < meeting_.size; ++rank) welcome(rank);
    return std::move(links_);
  }

 private:
  LOCKSTEP_ON_DEMAND void gather() {
    FileDescriptor listener = listen_at(meeting_.name);
    while (!listener) {
      if (meeting_.deadline.passed()) {
        throw CommunicationError(concat("ring: rank 0 cannot take the name '", meeting_.name,
                                        "', another process holds it; give every job a name of its own"));
      }
      nap(std::chrono::milliseconds(10));
      listener = listen_at(meeting_.name);
    }
    try {
      for (int joined = 1; joined < meeting_.size;) {
        // The deadline is looked at here, too: strangers may knock all the time.
        if (!wait_for_news(listener) || meeting_.deadline.passed()) throw CommunicationError(missing_ranks(joined));
        FileDescriptor socket = accept_connection(listener);
        if (!socket && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
          throw CommunicationError(concat("ring: rank 0 cannot take in a rank that has come: ", std::strerror(errno)));
        }
        if (socket && admit(std::move(socket))) ++joined;
      }
    } catch (const Error& error) {
      refuse_waiting(listener, error.what());
      throw;
    }
    // The listener ends here, before any rank is let in: the name is free for the next communicator of this job.
  }

  /// Waits for a connection; throws when a rank that had joined is gone.
  LOCKSTEP_ON_DEMAND bool wait_for_news(const FileDescriptor& listener) {
    std::vector<pollfd> watched{{listener.get(), POLLIN, 0}};
    for (const FileDescriptor& socket : links_.sockets) watched.push_back({socket.get(), 0, 0});
    for (const int death : meeting_.deaths) watched.push_back({death, POLLIN, 0});
    if (!poll_until(watched, meeting_.deadline)) return false;
    if (const int ended = find_ended(meeting_); ended >= 0) {
      throw CommunicationError(concat("ring: rank ", ended, " ended before all ranks had joined"));
    }
    for (std::size_t rank = 1; rank < links_.sockets.size(); ++rank) {
      if (links_.sockets[rank] && (watched[rank + 1].revents & (POLLHUP | POLLERR)) != 0) {
        throw CommunicationError(concat("ring: ", describe(rank), " ended before all ranks had joined"));
      }
    }
    return true;
  }

  /// Takes a rank in. Strangers are turned away; a rank of this job that contradicts it ends the meeting.
  LOCKSTEP_ON_DEMAND bool admit(FileDescriptor socket) {
    if (peer_user(socket) != ::geteuid()) return false;
    RingHello hello;
    std::vector<FileDescriptor> descriptors;
    const Deadline patience = meeting_.deadline.at_most(std::chrono::seconds(5));
    if (!receive_message(socket, hello, descriptors, patience)) return false;
    hello.host[sizeof hello.host - 1] = '\0';
    if (hello.protocol != ring_protocol) {
      refuse(socket, "it was built with another version of lockstep");
      return false;
    }
    if (meeting_.secret && !(hello.has_secret == 1 && same_secret(hello.secret, *meeting_.secret))) {
      refuse(socket, "it does not know the secret of the job");
      return false;
    }
    const auto rank = static_cast<std::size_t>(hello.rank);
    std::string fault;
    if (hello.size != meeting_.size) {
      fault = concat("a process (pid ", hello.process, ") came as rank ", hello.rank, " of ", hello.size,
                     ", but rank 0 expects ", meeting_.size, " ranks");
    } else if (hello.rank < 1 || hello.rank >= meeting_.size || links_.sockets[rank]) {
      fault = concat("two processes came as rank ", hello.rank, " (pid ", hello.process, " is the second)");
    } else if (hello.staging_bytes != meeting_.staging_bytes) {
      fault = concat("rank ", hello.rank, " has staging_bytes ", hello.staging_bytes, ", rank 0 has ",
                     meeting_.staging_bytes);
    }
    if (!fault.empty()) {
      fault = concat("ring: at '", meeting_.name, "' ", fault,
                     "; start every rank with the same settings, and every job with a name of its own");
      refuse(socket, fault);
      throw CommunicationError(fault);
    }
    hellos_[rank] = hello;
    links_.sockets[rank] = std::move(socket);
    if (descriptors.size() == 1) links_.deaths[rank] = std::move(descriptors.front());
    return true;
  }

  LOCKSTEP_ON_DEMAND void make_control() {
    const std::size_t bytes = ControlPage::bytes(meeting_.size, meeting_.staging_bytes);
    links_.control = make_sealed_memory(bytes);
    int status = links_.control ? reserve_pages(links_.control, 0, ControlPage::dense_bytes(meeting_.size)) : errno;
    if (status == 0) {
      mapping_ = map_shared(links_.control, bytes, true);
      if (mapping_.data() == nullptr) status = errno;
    }
    if (status != 0) {
      const std::string fault =
          concat("ring: rank 0 cannot make ", bytes, " bytes of shared memory: ", std::strerror(status),
                 "; free memory, or raise the limit of the container's shared memory");
      refuse_all(fault);
      throw CommunicationError(fault);
    }
    const ControlPage page = control_page();
    cpu_set_t processors = hellos_[0].processors;
    for (const RingHello& hello : hellos_) CPU_OR(&processors, &processors, &hello.processors);
    page.construct(CPU_COUNT(&processors));
    auto& group = page.group().rebuild.group;
    if (::getrandom(group, sizeof group, 0) != sizeof group) throw socket_error("get random numbers");
    for (int rank = 0; rank < meeting_.size; ++rank) {
      auto& identity = page.rank(rank).identity;
      identity.process = hellos_[static_cast<std::size_t>(rank)].process;
      std::memcpy(identity.host, hellos_[static_cast<std::size_t>(rank)].host, sizeof identity.host);
    }
  }

  LOCKSTEP_ON_DEMAND void welcome(int rank) {
    RingWelcome message;
    message.accepted = 1;
    std::vector<int> descriptors{links_.control.get()};
    bool all = true;
    for (const FileDescriptor& death : links_.deaths) all = all && death;
    message.has_deaths = all;
    if (all) {
      for (const FileDescriptor& death : links_.deaths) descriptors.push_back(death.get());
    }
    const auto index = static_cast<std::size_t>(rank);
    if (!send_message(links_.sockets[index], message, descriptors, meeting_.deadline)) {
      const std::string fault = concat(describe(index), " ended before all ranks had joined");
      announce_failure(control_page(), 0, fault);  // for those who are in already
      refuse_all(fault);
      throw CommunicationError(concat("ring: ", fault));
    }
  }

  ControlPage control_page() const { return ControlPage(mapping_.data(), meeting_.size, meeting_.staging_bytes); }

  LOCKSTEP_ON_DEMAND void refuse(const FileDescriptor& socket, const std::string& reason) {
    RingWelcome message;
    copy_text(message.refusal, reason);
    send_message(socket, message, {}, Deadline::after(std::chrono::seconds(1)));
  }

  /// Tells the reason to those who have knocked but were not heard yet.
  LOCKSTEP_ON_DEMAND void refuse_waiting(const FileDescriptor& listener, const std::string& reason) {
    for (FileDescriptor socket = accept_connection(listener); socket; socket = accept_connection(listener)) {
      if (peer_user(socket) != ::geteuid()) continue;
      RingHello hello;
      std::vector<FileDescriptor> descriptors;
      // Unread, it would reset the connection before the reason is read.
      const bool heard = receive_message(socket, hello, descriptors, Deadline::after(std::chrono::milliseconds(200)));
      if (heard) refuse(socket, reason);
    }
  }

  LOCKSTEP_ON_DEMAND void refuse_all(const std::string& reason) {
    for (const FileDescriptor& socket : links_.sockets) {
      if (socket) refuse(socket, reason);
    }
  }

  LOCKSTEP_ON_DEMAND std::string describe(std::size_t rank) const {
    return concat("rank ", rank, " (host ", hellos_[rank].host, ", pid ", hellos_[rank].process, ")");
  }

  LOCKSTEP_ON_DEMAND std::string missing_ranks(int joined) const {
    std::string missing;
    for (std::size_t rank = 1; rank < links_.sockets.size(); ++rank) {
      if (!links_.sockets[rank]) missing += concat(missing.empty() ? "" : ", ", rank);
    }
    return concat("ring: ", joined, " of ", meeting_.size, " ranks came to '", meeting_.name,
                  "' in time; missing: ", missing,
                  "; look for what these ranks printed, or raise RingOptions::connect_deadline");
  }

  const RingMeeting& meeting_;
  std::vector<RingHello> hellos_;
  RingLinks links_;
  Mapping mapping_;
};

/// The side of the other ranks.
LOCKSTEP_ON_DEMAND RingLinks join_ring(const RingMeeting& meeting) {
  FileDescriptor socket = connect_to(meeting.name);
  for (int attempt = 0; !socket; ++attempt) {
    if (meeting.deadline.passed()) {
      throw CommunicationError(concat("ring: rank ", meeting.rank, " found nobody at '", meeting.name,
                                      "' in time; rank 0 has not started, ended early, runs on another host or in "
                                      "another network namespace"));
    }
    if (const int ended = find_ended(meeting); ended >= 0) {
      throw CommunicationError(concat("ring: rank ", ended, " ended before all ranks had joined"));
    }
    nap(std::chrono::milliseconds(attempt < 20 ? 1 : 10));
    socket = connect_to(meeting.name);
  }
  if (const uid_t user = peer_user(socket); user != ::geteuid()) {
    throw CommunicationError(concat("ring: the name '", meeting.name, "' is held by user ", user,
                                    ", not by this user (", ::geteuid(), "); nothing was sent"));
  }
  const FileDescriptor death = own_death();
  const int handle = death.get();
  const std::span<const int> passed = death ? std::span<const int>(&handle, 1) : std::span<const int>();
  RingLinks links;
  RingWelcome welcome;
  std::vector<FileDescriptor> descriptors;
  // Rank 0 speaks last: what it waits for is bounded by its own deadline, which may have begun a little later, and it
  // tells the reason.
  const Deadline patience =
      Deadline::after(meeting.deadline.at_most(std::chrono::hours(1)).left() + std::chrono::seconds(2));
  if (!send_message(socket, make_hello(meeting), passed, meeting.deadline) ||
      !receive_message(socket, welcome, descriptors, patience)) {
    throw CommunicationError(concat("ring: rank 0 at '", meeting.name, "' did not let rank ", meeting.rank,
                                    " in: it ended, or not all ranks came in time"));
  }
  welcome.refusal[sizeof welcome.refusal - 1] = '\0';
  if (welcome.protocol != ring_protocol || welcome.accepted != 1) {
    throw CommunicationError(
        concat("ring: rank 0 turned rank ", meeting.rank, " away: ",
               welcome.protocol == ring_protocol ? welcome.refusal : "it was built with another version of lockstep"));
  }
  const std::size_t expected = 1 + (welcome.has_deaths == 1 ? static_cast<std::size_t>(meeting.size) : 0);
  if (descriptors.size() != expected ||
      !is_sealed_memory(descriptors[0], ControlPage::bytes(meeting.size, meeting.staging_bytes))) {
    throw CommunicationError("ring: rank 0 sent no valid control memory; is this process out of file descriptors?");
  }
  links.control = std::move(descriptors[0]);
  for (std::size_t index = 1; index < descriptors.size(); ++index)
    links.deaths.push_back(std::move(descriptors[index]));
  links.deaths.resize(static_cast<std::size_t>(meeting.size));
  links.sockets.push_back(std::move(socket));
  return links;
}

LOCKSTEP_ON_DEMAND RingLinks meet_ring(const RingMeeting& meeting) {
  return meeting.rank == 0 ? RingHost(meeting).meet() : join_ring(meeting);
}

}  // namespace lockstep::detail
