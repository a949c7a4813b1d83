// `lockstep env`: what a program started here would find out about its launcher and its host.
#pragma once

#include "launch.hpp"
#include <lockstep/comm/launch/launch_environment.hpp>
#include <lockstep/comm/launch/rendezvous_name.hpp>

#include <unistd.h>

#include <cstdio>
#include <string>

namespace lockstep::cli {

inline std::string host_name() {
  char name[256] = "";
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

inline std::string describe(const LaunchEnvironment& environment) {
  const auto or_none = [](const std::string& text) { return text.empty() ? std::string("none") : text; };
  const std::string address = environment.master_address.empty() && environment.master_port == 0
                                  ? std::string("none")
                                  : concat(or_none(environment.master_address), ":", environment.master_port,
                                           environment.master_port_taken ? " (taken by the launcher)" : "");
  std::string text = concat("launcher:    ", environment.launcher, "\n");
  text += concat("rank:        ", environment.rank, " of ", environment.world_size, "\n");
  text += concat("local rank:  ", environment.local_rank, " of ", environment.local_world_size, "\n");
  text += concat("hosts:       ", environment.spans_hosts() ? "several" : "one", "\n");
  text += concat("host:        ", host_name(), "\n");
  text += concat("cores:       ", available_cores(), "\n");
  text += concat("job id:      ", environment.job_id, "\n");
  text += concat("rendezvous:  @", rendezvous_name(environment), "\n");
  text += concat("master:      ", address, "\n");
  text += concat("secret:      ", or_none(environment.secret_file), "\n");
  return text;
}

/// Prints the launch environment of this process; throws EnvironmentError when it is contradictory.
inline int report_environment() {
  const std::string text = describe(LaunchEnvironment::detect());
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace lockstep::cli
