// Reading and cross-checking a launcher's environment variables; every message names the variable and its value.
#pragma once

#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>

#include <concepts>
#include <string>
#include <string_view>

namespace lockstep::detail {

/// Looks a variable up the way getenv(3) does: a null-terminated value, or null when it is not set.
template <class Getter>
concept VariableGetter = requires(Getter& get, const char* name) {
  { get(name) } -> std::convertible_to<const char*>;
};

/// The four variables by which a launcher tells a process its place.
struct RankVariables {
  const char* rank;
  const char* world_size;
  const char* local_rank;
  const char* local_world_size;
};

/// What the four variables say.
struct RankValues {
  int rank = 0, world_size = 1, local_rank = 0, local_world_size = 1;
};

/// `NAME="value"`, as a shell would show it, or `NAME is not set`.
template <VariableGetter Getter>
std::string show_variable(Getter& get, const char* name) {
  const char* value = get(name);
  return value == nullptr ? concat(name, " is not set") : concat(name, "=\"", value, "\"");
}

/// A variable's text, or an empty string when it is not set.
template <VariableGetter Getter>
std::string text_variable(Getter& get, const char* name) {
  const char* value = get(name);
  return value == nullptr ? std::string() : std::string(value);
}

/// Parses a whole number in [minimum, maximum]; throws EnvironmentError naming the variable and its value.
LOCKSTEP_ON_DEMAND int parse_variable(const char* name, std::string_view value, int minimum, int maximum) {
  long long number = 0;
  const bool negative = !value.empty() && value.front() == '-';
  bool valid = value.size() > (negative ? 1U : 0U) && value.size() <= 10;
  for (std::size_t i = negative ? 1 : 0; valid && i < value.size(); ++i) {
    valid = value[i] >= '0' && value[i] <= '9';
    number = number * 10 + (value[i] - '0');
  }
  if (negative) number = -number;
  if (!valid || number < minimum || number > maximum) {
    throw EnvironmentError(concat("launch environment: ", name, "=\"", value, "\" is not a whole number from ", minimum,
                                  " to ", maximum, "; correct it or unset the launcher's variables"));
  }
  return static_cast<int>(number);
}

/// The number in a variable that must be set; `needed_by` names the variable that says so.
template <VariableGetter Getter>
int required_variable(Getter& get, const char* name, const char* needed_by, int minimum, int maximum) {
  const char* value = get(name);
  if (value == nullptr) {
    throw EnvironmentError(concat("launch environment: ", show_variable(get, needed_by), " but ", name,
                                  " is not set; set both, or neither for a run of one process"));
  }
  return parse_variable(name, value, minimum, maximum);
}

/// Rank and world size; throws EnvironmentError when one is missing, is no number, or they contradict each other.
template <VariableGetter Getter>
void read_global_rank(Getter& get, const RankVariables& names, RankValues& values) {
  constexpr int limit = 1 << 24;
  values.world_size = required_variable(get, names.world_size, names.rank, 1, limit);
  values.rank = required_variable(get, names.rank, names.world_size, 0, limit);
  if (values.rank >= values.world_size) {
    throw EnvironmentError(concat("launch environment: ", show_variable(get, names.rank), " must be smaller than ",
                                  show_variable(get, names.world_size), " (ranks count from 0)"));
  }
}

/// Throws EnvironmentError unless 0 <= local rank < local world size <= world size.
template <VariableGetter Getter>
void check_local_rank(Getter& get, const RankVariables& names, const RankValues& values) {
  if (values.local_rank >= values.local_world_size) {
    throw EnvironmentError(concat("launch environment: ", show_variable(get, names.local_rank),
                                  " must be smaller than the number of ranks on this host, ", values.local_world_size,
                                  " (", show_variable(get, names.local_world_size), ")"));
  }
  if (values.local_world_size > values.world_size) {
    throw EnvironmentError(concat("launch environment: ", show_variable(get, names.local_world_size), " says ",
                                  values.local_world_size, " ranks on this host, more than the whole job has (",
                                  show_variable(get, names.world_size), ")"));
  }
}

/// All four numbers of a launcher that sets all four.
template <VariableGetter Getter>
RankValues read_ranks(Getter& get, const RankVariables& names) {
  constexpr int limit = 1 << 24;
  RankValues values;
  read_global_rank(get, names, values);
  values.local_rank = required_variable(get, names.local_rank, names.rank, 0, limit);
  values.local_world_size = required_variable(get, names.local_world_size, names.local_rank, 1, limit);
  check_local_rank(get, names, values);
  return values;
}

}  // namespace lockstep::detail
