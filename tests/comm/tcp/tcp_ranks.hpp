// Ranks of a Tcp communicator as processes of a test, and what tests ask of them.
#pragma once

#include "../processes.hpp"
#include <lockstep/comm/tcp.hpp>
#include <lockstep/core/file.hpp>

#include <doctest/doctest.h>

#include <dirent.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::testing {

/// Heap allocations of a thread; counted where a test program replaces operator new.
inline thread_local std::size_t allocations = 0;

/// A path, and a job's name, that no other test uses.
inline std::string fresh_address_file() {
  static int count = 0;
  const char* folder = std::getenv("TMPDIR");
  return concat(folder == nullptr ? "/tmp" : folder, "/lockstep-tcp-", static_cast<int>(::getpid()), "-", ++count);
}

/// The options of one rank of a test.
inline TcpOptions options_of(int rank, int size, const std::string& file, TcpOptions options = {}) {
  options.rank = rank;
  options.size = size;
  options.job_id = options.address_file = file;
  return options;
}

/// Every rank joins and runs `function(communicator)`; the text it returns is the rank's result.
template <class C = Tcp, class Function>
std::vector<ProcessResult> run_tcp(int size, Function function, TcpOptions options = {}) {
  const std::string file = fresh_address_file();
  Processes processes(size, [&](int rank) {
    C communicator(options_of(rank, size, file, options));
    return std::string(function(communicator));
  });
  auto results = processes.wait_all(std::chrono::seconds(100));
  ::unlink(file.c_str());
  return results;
}

inline int entries(const char* folder) {
  int count = 0;
  DIR* directory = ::opendir(folder);
  if (directory == nullptr) return -1;
  while (const dirent* entry = ::readdir(directory)) count += entry->d_name[0] != '.';
  ::closedir(directory);
  return count;
}
inline int open_descriptors() { return entries("/proc/self/fd"); }
inline int own_threads() { return entries("/proc/self/task"); }

}  // namespace lockstep::testing
