// The name under which the ranks of one job find each other on a host.
#pragma once

#include <lockstep/comm/launch/launch_environment.hpp>
#include <lockstep/core/concat.hpp>
#include <lockstep/core/on_demand.hpp>

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <string_view>

namespace lockstep {

namespace detail {

/// Letters and digits that differ for different texts (FNV-1a, 64 bits).
LOCKSTEP_ON_DEMAND std::string digest_of(std::initializer_list<std::string_view> texts) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const std::string_view text : texts) {
    for (const char character : text) hash = (hash ^ static_cast<unsigned char>(character)) * 0x100000001b3U;
    hash = (hash ^ 0xffU) * 0x100000001b3U;
  }
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
  return digits;
}

}  // namespace detail

/// A name for an abstract Unix socket: the same on all ranks of a job of this user on this host, different for any two
/// jobs. Letters, digits and "-._" only, at most 100 bytes, without the leading zero byte that marks it as abstract.
/// Anyone on the host can see and take such a name, so both ends must check the peer's user (SO_PEERCRED).
LOCKSTEP_ON_DEMAND std::string rendezvous_name(const LaunchEnvironment& environment) {
  std::string readable = environment.job_id.substr(0, 40);
  for (char& character : readable) {
    const bool plain = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
                       (character >= '0' && character <= '9') || character == '-' || character == '.';
    if (!plain) character = '_';
  }
  return concat("lockstep-", static_cast<unsigned long>(geteuid()), "-", readable, "-",
                detail::digest_of({environment.launcher, environment.job_id}));
}

/// A name for a part of the ranks that meet under `name`; `purpose` tells the parts apart.
LOCKSTEP_ON_DEMAND std::string derived_rendezvous_name(std::string_view name, std::string_view purpose) {
  return concat("lockstep-", static_cast<unsigned long>(geteuid()), "-part-", detail::digest_of({name, purpose}));
}

}  // namespace lockstep
