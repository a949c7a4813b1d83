// Which program is which contender. The programs lie beside the benchmark's own.
#pragma once

#include "options.hpp"

#include <cstdio>
#include <string>
#include <vector>

namespace benchmarks {

inline std::string own_folder() {
  char path[4096];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  const std::string whole(path, length > 0 ? static_cast<std::size_t>(length) : 0);
  return whole.substr(0, whole.rfind('/') + 1);
}

inline Recipe lockstep_recipe(std::string label, std::string program, std::string kind) {
  const bool threads = kind == "threads";
  return {std::move(label), {std::move(program)}, {"{rank}", "{size}", std::move(kind)}, threads, !threads};
}

/// Open MPI's launcher is not always the one that is called mpirun.
inline Recipe openmpi_recipe(std::string label, const std::string& program, int size,
                             const std::vector<std::string>& options) {
  std::vector<std::string> command{"mpirun.openmpi", "--oversubscribe", "-n", std::to_string(size)};
  if (::geteuid() == 0) command.push_back("--allow-run-as-root");
  command.insert(command.end(), options.begin(), options.end());
  command.push_back(program);
  return {std::move(label), std::move(command), {}, true};
}

/// The contenders that take turns: those whose programs are there.
inline std::vector<Recipe> recipes_for(const Options& options, int size) {
  const std::string folder = own_folder();
  const auto built = [&](const std::string& program, const std::string& label) {
    if (::access((folder + program).c_str(), X_OK) == 0) return true;
    std::fprintf(stderr, "collectives: %s is left out: %s was not built\n", label.c_str(), program.c_str());
    return false;
  };
  std::vector<Recipe> recipes;
  for (const std::string& name : options.contenders) {
    if (name == "ring" || name == "ring-heap" || name == "threads") {
      recipes.push_back(lockstep_recipe(name, folder + "collectives_lockstep", name));
    } else if (name == "tcp" || name == "tcp-tls") {
      if (built("collectives_tcp", name)) recipes.push_back(lockstep_recipe(name, folder + "collectives_tcp", name));
    } else if (name == "openmpi" || name == "openmpi-yield") {
      if (!built("collectives_openmpi", name)) continue;
      std::vector<std::string> words;
      if (name == "openmpi-yield") words = {"--mca", "mpi_yield_when_idle", "1"};
      recipes.push_back(openmpi_recipe(name, folder + "collectives_openmpi", size, words));
    } else if (name == "gloo") {
      if (!built("collectives_gloo", name)) continue;
      recipes.push_back({name, {folder + "collectives_gloo"}, {"{rank}", "{size}"}});  // threads: slower when bound
    } else {
      throw lockstep::ArgumentError("no contender is called '" + name + "'");
    }
  }
  for (const Recipe& given : options.more) {
    if (!given.starts_all) {
      recipes.push_back(lockstep_recipe(given.label, given.command[0], given.command[1]));
    } else if (built("collectives_openmpi", given.label)) {
      recipes.push_back(openmpi_recipe(given.label, folder + "collectives_openmpi", size, given.command));
    }
  }
  return recipes;
}

}  // namespace benchmarks
