// Slurm's two compressed notations: host lists such as "gn[10,20-25],login1" and task counts such as "4(x2),3".
#pragma once

#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

namespace detail {

inline constexpr std::size_t slurm_node_limit = 65536;  // Slurm's own limit on a cluster

/// Reads the digits at the front of `text` and removes them; throws EnvironmentError when there are none or too many.
LOCKSTEP_ON_DEMAND std::size_t take_slurm_number(std::string_view& text, std::string_view notation,
                                                 std::string_view whole) {
  std::size_t value = 0, digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
    if (digits == 9) break;
    value = value * 10 + static_cast<std::size_t>(text[digits] - '0');
  }
  if (digits == 0 || (digits < text.size() && text[digits] >= '0' && text[digits] <= '9')) {
    throw EnvironmentError(concat("Slurm ", notation, " \"", whole,
                                  "\": expected a number of 1 to 9 digits at position ", whole.size() - text.size()));
  }
  text.remove_prefix(digits);
  return value;
}

/// Appends every number of "10,20-25" (with its leading zeros) to each of `prefixes`.
LOCKSTEP_ON_DEMAND std::vector<std::string> append_slurm_ranges(const std::vector<std::string>& prefixes,
                                                                std::string_view ranges, std::string_view whole) {
  std::vector<std::string> numbers;
  for (;;) {
    const std::string_view start = ranges;
    const std::size_t first = take_slurm_number(ranges, "node list", whole);
    const std::size_t width = start.size() - ranges.size();
    std::size_t last = first;
    if (!ranges.empty() && ranges.front() == '-') {
      ranges.remove_prefix(1);
      last = take_slurm_number(ranges, "node list", whole);
    }
    if (last < first || (last - first + numbers.size() + 1) * prefixes.size() > slurm_node_limit) {
      throw EnvironmentError(concat("Slurm node list \"", whole, "\": the range ", first, "-", last,
                                    " is empty or makes more than ", slurm_node_limit, " hosts"));
    }
    for (std::size_t number = first; number <= last; ++number) {
      std::string digits = std::to_string(number);
      if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
      numbers.push_back(std::move(digits));
    }
    if (ranges.empty()) break;
    if (ranges.front() != ',') {
      throw EnvironmentError(concat("Slurm node list \"", whole, "\": unexpected '", ranges.front(), "' inside [...]"));
    }
    ranges.remove_prefix(1);
  }
  std::vector<std::string> result;
  result.reserve(prefixes.size() * numbers.size());
  for (const std::string& prefix : prefixes) {
    for (const std::string& number : numbers) result.push_back(prefix + number);
  }
  return result;
}

}  // namespace detail

/// The hosts of a Slurm node list in order: "gn[09-11],login1" gives gn09, gn10, gn11, login1.
/// Throws EnvironmentError for unbalanced brackets, empty names and more than 65536 hosts.
LOCKSTEP_ON_DEMAND std::vector<std::string> expand_slurm_node_list(std::string_view list) {
  const auto malformed = [&](std::string_view reason) {
    return EnvironmentError(concat("Slurm node list \"", list, "\": ", reason));
  };
  std::vector<std::string> hosts;
  std::vector<std::string> group{""};  // what the entry being read stands for so far
  for (std::size_t position = 0; position <= list.size(); ++position) {
    if (position == list.size() || list[position] == ',') {
      if (group.front().empty()) throw malformed("a host name is empty");
      if (hosts.size() + group.size() > detail::slurm_node_limit) throw malformed("it names more than 65536 hosts");
      for (std::string& host : group) hosts.push_back(std::move(host));
      group.assign(1, "");
    } else if (list[position] == '[') {
      const std::size_t close = list.find(']', position);
      if (close == std::string_view::npos) throw malformed("a '[' has no ']'");
      group = detail::append_slurm_ranges(group, list.substr(position + 1, close - position - 1), list);
      position = close;
    } else if (list[position] == ']') {
      throw malformed("a ']' has no '['");
    } else {
      for (std::string& host : group) host += list[position];
    }
  }
  return hosts;
}

/// The number of tasks on each node: "4(x2),3" gives 4, 4, 3. Throws EnvironmentError for anything else.
LOCKSTEP_ON_DEMAND std::vector<int> expand_slurm_tasks_per_node(std::string_view counts) {
  constexpr std::string_view notation = "tasks per node";
  std::vector<int> result;
  std::string_view rest = counts;
  for (;;) {
    const std::size_t tasks = detail::take_slurm_number(rest, notation, counts);
    std::size_t nodes = 1;
    if (rest.substr(0, 2) == "(x") {
      rest.remove_prefix(2);
      nodes = detail::take_slurm_number(rest, notation, counts);
      if (rest.empty() || rest.front() != ')') {
        throw EnvironmentError(concat("Slurm tasks per node \"", counts, "\": a '(x' has no ')'"));
      }
      rest.remove_prefix(1);
    }
    if (tasks == 0 || nodes == 0 || result.size() + nodes > detail::slurm_node_limit) {
      throw EnvironmentError(concat("Slurm tasks per node \"", counts, "\": ", tasks, " tasks on ", nodes,
                                    " nodes is not a count of a job step"));
    }
    result.insert(result.end(), nodes, static_cast<int>(tasks));
    if (rest.empty()) return result;
    if (rest.front() != ',') {
      throw EnvironmentError(concat("Slurm tasks per node \"", counts, "\": unexpected '", rest.front(), "'"));
    }
    rest.remove_prefix(1);
  }
}

}  // namespace lockstep
