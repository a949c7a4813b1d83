// `lockstep env`: what a program started here would find out about its launcher and its host, and from where.
#pragma once

#include "launch_options.hpp"
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

/// "name:  value  (origin)".
inline std::string report_line(const char* name, const std::string& value, const std::string& origin = "") {
  constexpr std::size_t width = 18;
  std::string line = concat(name, ":");
  line.append(line.size() < width ? width - line.size() : 1, ' ');
  return concat(line, value, origin.empty() ? "" : "  (", origin, origin.empty() ? "\n" : ")\n");
}

inline std::string describe(const LaunchEnvironment& environment, const LaunchOrigins& origins) {
  const auto or_none = [](const std::string& text) { return text.empty() ? std::string("none") : text; };
  const auto number = [](int value, bool known) { return known ? concat(value) : std::string("unknown"); };
  const std::string port = environment.master_port == 0    ? std::string("none")
                           : environment.master_port_taken ? concat(environment.master_port, ", taken by the launcher")
                                                           : concat(environment.master_port);
  std::string text = report_line("launcher", environment.launcher);
  text += report_line("rank", concat(environment.rank), origins.rank);
  text += report_line("world size", concat(environment.world_size), origins.world_size);
  text += report_line("local rank", concat(environment.local_rank), origins.local_rank);
  text += report_line("local world size", concat(environment.local_world_size), origins.local_world_size);
  text += report_line("node rank", number(environment.node_rank, environment.node_rank >= 0), origins.node_rank);
  text += report_line("node count", number(environment.node_count, environment.node_count > 0), origins.node_count);
  text += report_line("restart count", concat(environment.restart_count), origins.restart_count);
  text += report_line("job id", concat(environment.job_id, environment.job_id_is_local ? ", on this host only" : ""),
                      origins.job_id);
  text += report_line("master address", or_none(environment.master_address), origins.master_address);
  text += report_line("master port", port, origins.master_port);
  text += report_line("secret file", or_none(environment.secret_file), origins.secret_file);
  text += report_line("rendezvous", concat("@", rendezvous_name(environment)), "launcher, job id and user");
  text += report_line("host", host_name());
  text += report_line("cores", concat(available_cores()), "those this process may use");
  return text;
}

/// Prints the launch environment of this process; throws EnvironmentError when it is contradictory.
inline int report_environment() {
  LaunchOrigins origins;
  const LaunchEnvironment environment = LaunchEnvironment::detect(&origins);
  const std::string text = describe(environment, origins);
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace lockstep::cli
