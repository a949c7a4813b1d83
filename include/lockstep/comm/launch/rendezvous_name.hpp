// The name under which the ranks of one job find each other on a host.
#pragma once

#include <lockstep/comm/launch/fnv1a.hpp>
#include <lockstep/comm/launch/launch_environment.hpp>
#include <lockstep/core/concat.hpp>
#include <lockstep/core/on_demand.hpp>

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace lockstep {

namespace detail {

/// As in "lockstep-1000-READABLE-0123456789abcdef".
LOCKSTEP_ON_DEMAND std::string rendezvous_name_of(std::string_view readable, const Fnv1a& hash) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash.value()));
  return concat("lockstep-", static_cast<unsigned long>(geteuid()), "-", readable, "-", digits);
}

}  // namespace detail

/// A name for an abstract Unix socket: the same on all ranks of a job of this user on this node, different for any two
/// jobs. Letters, digits and "-._" only, at most 100 bytes, without the leading zero byte that marks it as abstract.
/// Anyone on the host can see and take such a name, so both ends must check the peer's user (SO_PEERCRED).
LOCKSTEP_ON_DEMAND std::string rendezvous_name(const LaunchEnvironment& environment) {
  std::string readable = environment.job_id.substr(0, 40);
  for (char& character : readable) {
    const bool plain = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
                       (character >= '0' && character <= '9') || character == '-' || character == '.';
    if (!plain) character = '_';
  }
  detail::Fnv1a hash;
  hash.mix(environment.launcher).mix(environment.job_id);
  // Nodes that are launchers may share a host; each has a meeting of its own.
  if (environment.node_count > 1) hash.mix(std::to_string(environment.node_rank));
  return detail::rendezvous_name_of(readable, hash);
}

/// A name for some of the ranks that met under `name`; `purpose` tells such parts apart.
LOCKSTEP_ON_DEMAND std::string derived_rendezvous_name(std::string_view name, std::string_view purpose) {
  return detail::rendezvous_name_of("part", detail::Fnv1a().mix(name).mix(purpose));
}

}  // namespace lockstep
