// Tests of Ring run every rank as a process of its own.
#pragma once

#include "processes.hpp"
#include <lockstep/comm/ring.hpp>

#include <doctest/doctest.h>

#include <dirent.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace lockstep::testing {

/// A name that no other test uses.
inline std::string fresh_name() {
  static int count = 0;
  return concat("lockstep-test-", static_cast<int>(::getpid()), "-", ++count);
}

/// Every rank joins a ring and runs `function(ring)`; the text it returns is the rank's result.
template <class Function>
std::vector<ProcessResult> run_ring(int size, Function function, RingOptions options = {}) {
  options.size = size;
  options.name = fresh_name();
  Processes processes(size, [&](int rank) {
    RingOptions own = options;
    own.rank = rank;
    Ring ring(own);
    return std::string(function(ring));
  });
  return processes.wait_all();
}

/// What a process holds: open descriptors, and mappings of shared memory.
inline int open_descriptors() {
  int count = 0;
  DIR* directory = ::opendir("/proc/self/fd");
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

inline int shared_mappings() {
  int count = 0;
  const std::string maps = read_file("/proc/self/maps");
  for (std::size_t at = maps.find("memfd:lockstep"); at != std::string::npos; at = maps.find("memfd:lockstep", at + 1))
    ++count;
  return count;
}

}  // namespace lockstep::testing
