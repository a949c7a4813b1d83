// Names a running process so that no later process can be mistaken for it: its number and the time it started.
#pragma once

#include <lockstep/core/concat.hpp>
#include <lockstep/core/on_demand.hpp>

#include <sys/types.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace lockstep::detail {

/// The fields of /proc/PID/stat that identify a process; all zero when there is no such process.
struct ProcessFacts {
  char name[32] = "";
  pid_t parent = 0;
  unsigned long long start_time = 0;  // clock ticks since the host booted
};

LOCKSTEP_ON_DEMAND ProcessFacts process_facts(pid_t process) {
  ProcessFacts facts;
  char path[48], line[1024];
  std::snprintf(path, sizeof path, "/proc/%d/stat", static_cast<int>(process));
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return facts;
  const std::size_t length = std::fread(line, 1, sizeof line - 1, file);
  std::fclose(file);
  line[length] = '\0';
  // "PID (NAME) STATE PARENT ...": the name may hold anything, so the last ')' ends it. Start time is field 22.
  const char* open = std::strchr(line, '(');
  char* close = std::strrchr(line, ')');
  if (open == nullptr || close == nullptr) return facts;
  *close = '\0';
  std::snprintf(facts.name, sizeof facts.name, "%.31s", open + 1);
  const char* field = close + 1;
  for (int number = 3; number <= 22; ++number) {
    field += std::strspn(field, " ");
    if (number == 4) facts.parent = static_cast<pid_t>(std::strtol(field, nullptr, 10));
    if (number == 22) facts.start_time = std::strtoull(field, nullptr, 10);
    field += std::strcspn(field, " ");
  }
  return facts;
}

/// "PID-STARTTIME".
LOCKSTEP_ON_DEMAND std::string process_identity(pid_t process) {
  return concat(static_cast<long>(process), "-", process_facts(process).start_time);
}

/// MPICH and Intel MPI give a job no name, but all its ranks on a host descend from one proxy of the process manager.
/// Scripts may stand between: the nearest ancestor called "hydra..." is the proxy, else the parent is taken for it.
LOCKSTEP_ON_DEMAND std::string hydra_proxy_identity() {
  const pid_t parent = ::getppid();
  pid_t ancestor = parent;
  for (int generation = 0; generation < 64 && ancestor > 1; ++generation) {
    const ProcessFacts facts = process_facts(ancestor);
    if (std::strncmp(facts.name, "hydra", 5) == 0) return process_identity(ancestor);
    ancestor = facts.parent;
  }
  return process_identity(parent);
}

}  // namespace lockstep::detail
