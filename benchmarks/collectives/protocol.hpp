// What the benchmark and the ranks of its contenders say to each other: commands and replies over a Unix socket, on
// which an idle contender sleeps, and times and a barrier in shared memory, the same for all contenders.
#pragma once

#include "operations.hpp"
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/file.hpp>

#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace benchmarks {

inline constexpr int max_ranks = 64;
inline constexpr std::size_t max_samples = 1000;

enum class Task : std::int32_t { prepare, time, resources, stop };

struct Command {
  Task task = Task::stop;
  Operation operation = Operation::all_reduce;
  std::uint64_t bytes = 0;
  std::uint64_t samples = 0;
  std::uint64_t calls_per_sample = 1;
};

struct Reply {
  std::int32_t rank = 0;
  std::int32_t supported = 1;
  std::uint64_t wrong = 0;  ///< prepare: elements that came out wrong.
  std::uint64_t descriptors = 0, resident_bytes = 0;
};

/// Shared by the benchmark and the ranks of one contender.
struct SharedPage {
  alignas(64) std::atomic<std::uint32_t> arrived{0};
  alignas(64) std::atomic<std::uint32_t> generation{0};
  alignas(64) double seconds[max_ranks][max_samples];  ///< Per call; each rank writes its own.
};

inline SharedPage* map_shared_page(const lockstep::FileDescriptor& memory) {
  void* base = ::mmap(nullptr, sizeof(SharedPage), PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (base == MAP_FAILED) throw lockstep::io_error("map", "the shared page");
  return static_cast<SharedPage*>(base);
}

/// All ranks leave at the same time. Only before a measurement, so it may spin; it yields for those without a core.
inline void meet(SharedPage& page, int size) {
  const std::uint32_t generation = page.generation.load();
  if (page.arrived.fetch_add(1) + 1 == static_cast<std::uint32_t>(size)) {
    page.arrived.store(0);
    page.generation.fetch_add(1);
    return;
  }
  const lockstep::Deadline deadline = lockstep::Deadline::after(std::chrono::seconds(60));
  while (page.generation.load() == generation) {
    for (int i = 0; i < 100 && page.generation.load() == generation; ++i) {}
    ::sched_yield();
    if (deadline.passed()) throw lockstep::CommunicationError("a rank of the benchmark did not come to the barrier");
  }
}

/// The address of an abstract Unix socket.
inline socklen_t socket_address(const std::string& name, sockaddr_un& address) {
  address = {};
  address.sun_family = AF_UNIX;
  if (name.size() + 1 > sizeof address.sun_path) throw lockstep::ArgumentError("the socket's name is too long");
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
}

template <class Message>
void send_to(const lockstep::FileDescriptor& socket, const Message& message) {
  if (::send(socket.get(), &message, sizeof message, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof message)) {
    throw lockstep::CommunicationError("a process of the benchmark is gone");
  }
}

/// Sleeps until the whole message is there; false when the other end is gone.
template <class Message>
bool receive_from(const lockstep::FileDescriptor& socket, Message& message) {
  ssize_t count = 0;
  do {
    count = ::recv(socket.get(), &message, sizeof message, MSG_WAITALL);
  } while (count < 0 && errno == EINTR);
  return count == static_cast<ssize_t>(sizeof message);
}

}  // namespace benchmarks
