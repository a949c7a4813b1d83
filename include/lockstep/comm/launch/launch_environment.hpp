// Finds out from the environment which rank this process is, whatever launcher started it.
// Order: LOCKSTEP_* > RANK and WORLD_SIZE (torchrun) > OMPI_* > PMI_* > SLURM_* > a run of one process.
#pragma once

#include <lockstep/comm/launch/launch_variables.hpp>
#include <lockstep/comm/launch/process_identity.hpp>
#include <lockstep/comm/launch/slurm_node_list.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>

#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

/// The place of this process in its job.
struct LaunchEnvironment {
  int rank = 0;
  int world_size = 1;
  int local_rank = 0;              ///< Rank among the processes of the job on this host.
  int local_world_size = 1;        ///< Number of processes of the job on this host.
  std::string launcher = "none";   ///< "lockstep", "torchrun", "openmpi", "mpich", "slurm" or "none".
  std::string job_id;              ///< The same on all ranks of a job on a host, different for any two jobs.
  std::string master_address;      ///< Host of rank 0; empty when the launcher does not tell.
  int master_port = 0;             ///< 0 when the launcher does not tell.
  bool master_port_taken = false;  ///< torchrun's agent listens on master_port: a client may connect, nobody may bind.
  std::string secret_file;         ///< Path of the job secret (comm/job_secret.hpp); empty when there is none.

  /// True when ranks of this job run on other hosts as well.
  bool spans_hosts() const { return local_world_size != world_size; }

  /// Reads the process environment; throws EnvironmentError when variables are missing, malformed or contradictory.
  LOCKSTEP_ON_DEMAND static LaunchEnvironment detect();
};

namespace detail {

inline constexpr RankVariables lockstep_variables{"LOCKSTEP_RANK", "LOCKSTEP_WORLD_SIZE", "LOCKSTEP_LOCAL_RANK",
                                                  "LOCKSTEP_LOCAL_WORLD_SIZE"};
inline constexpr RankVariables torchrun_variables{"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"};
inline constexpr RankVariables openmpi_variables{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
                                                 "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"};
inline constexpr RankVariables mpich_variables{"PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"};
inline constexpr RankVariables cray_variables{"PMI_RANK", "PMI_SIZE", "PMI_LOCAL_RANK", "PMI_LOCAL_SIZE"};

template <VariableGetter Getter>
bool any_set(Getter& get, const RankVariables& names) {
  return get(names.rank) != nullptr || get(names.world_size) != nullptr || get(names.local_rank) != nullptr ||
         get(names.local_world_size) != nullptr;
}

LOCKSTEP_ON_DEMAND void set_ranks(LaunchEnvironment& result, const char* launcher, const RankValues& values) {
  result.launcher = launcher;
  result.rank = values.rank;
  result.world_size = values.world_size;
  result.local_rank = values.local_rank;
  result.local_world_size = values.local_world_size;
}

template <VariableGetter Getter>
void read_lockstep(Getter& get, LaunchEnvironment& result) {
  const RankVariables& names = lockstep_variables;
  if (get(names.local_rank) == nullptr && get(names.local_world_size) == nullptr) {
    RankValues values;  // started by hand on one host: the local numbers are the global ones
    read_global_rank(get, names, values);
    values.local_rank = values.rank;
    values.local_world_size = values.world_size;
    set_ranks(result, "lockstep", values);
  } else {
    set_ranks(result, "lockstep", read_ranks(get, names));
  }
}

template <VariableGetter Getter>
void read_torchrun(Getter& get, LaunchEnvironment& result) {
  set_ranks(result, "torchrun", read_ranks(get, torchrun_variables));
  result.master_port_taken = text_variable(get, "TORCHELASTIC_USE_AGENT_STORE") == "True";
  // The run id is "none" unless the user gave one; the port tells jobs on one host apart, the count restarts of one
  // job.
  const char* port = get("MASTER_PORT");
  const std::string run_id = text_variable(get, "TORCHELASTIC_RUN_ID");
  if (port != nullptr || (!run_id.empty() && run_id != "none")) {
    result.job_id = concat(run_id, "@", text_variable(get, "MASTER_ADDR"), ":", port == nullptr ? "" : port, "#",
                           text_variable(get, "TORCHELASTIC_RESTART_COUNT"));
  }
}

template <VariableGetter Getter>
void read_openmpi(Getter& get, LaunchEnvironment& result) {
  set_ranks(result, "openmpi", read_ranks(get, openmpi_variables));
  // Open MPI 4 names a job by a hash of 16 bits; the random key it makes for its transports removes the doubt.
  result.job_id = text_variable(get, "PMIX_NAMESPACE");
  if (result.job_id.empty()) result.job_id = text_variable(get, "OMPI_MCA_ess_base_jobid");
  const std::string key = text_variable(get, "OMPI_MCA_orte_precondition_transports");
  if (!result.job_id.empty() && !key.empty()) result.job_id = concat(result.job_id, ".", key);
}

template <VariableGetter Getter>
void read_mpich(Getter& get, LaunchEnvironment& result) {
  const bool cray = get(mpich_variables.local_rank) == nullptr && get(cray_variables.local_rank) != nullptr;
  set_ranks(result, "mpich", read_ranks(get, cray ? cray_variables : mpich_variables));
  for (const char* name : {"PMI_JOBID", "PALS_APID", "PMI_PORT"}) {
    if (result.job_id.empty()) result.job_id = text_variable(get, name);
  }
}

/// Slurm gives the batch script and an interactive shell a step of their own, with an id from the top of the range.
template <VariableGetter Getter>
bool inside_slurm_step(Getter& get) {
  const std::string step = text_variable(get, "SLURM_STEP_ID");
  return !step.empty() && !(step.size() == 10 && step >= "4294967280");
}

template <VariableGetter Getter>
const char* slurm_task_count_name(Getter& get) {
  for (const char* name : {"SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"}) {
    if (get(name) != nullptr) return name;
  }
  return "SLURM_NPROCS";
}

template <VariableGetter Getter>
void read_slurm(Getter& get, LaunchEnvironment& result) {
  constexpr int limit = 1 << 24;
  const char* nodes_name = get("SLURM_STEP_NODELIST") != nullptr ? "SLURM_STEP_NODELIST" : "SLURM_JOB_NODELIST";
  const char* tasks_name =
      get("SLURM_STEP_TASKS_PER_NODE") != nullptr ? "SLURM_STEP_TASKS_PER_NODE" : "SLURM_TASKS_PER_NODE";
  const RankVariables names{"SLURM_PROCID", slurm_task_count_name(get), "SLURM_LOCALID", tasks_name};
  RankValues values;
  read_global_rank(get, names, values);
  values.local_rank = required_variable(get, names.local_rank, names.rank, 0, limit);
  const int node = required_variable(get, "SLURM_NODEID", names.rank, 0, limit);
  if (get(tasks_name) == nullptr || get(nodes_name) == nullptr) {
    throw EnvironmentError(concat("launch environment: ", show_variable(get, names.rank), " but ",
                                  show_variable(get, tasks_name), " and ", show_variable(get, nodes_name),
                                  "; srun sets both: pass them on to the program"));
  }
  const std::vector<int> tasks = expand_slurm_tasks_per_node(get(tasks_name));
  const std::vector<std::string> hosts = expand_slurm_node_list(get(nodes_name));
  long long total = 0;
  for (const int count : tasks) total += count;
  if (tasks.size() != hosts.size() || node >= static_cast<int>(hosts.size()) || total != values.world_size) {
    throw EnvironmentError(
        concat("launch environment: Slurm's variables contradict each other: ", show_variable(get, nodes_name), " (",
               hosts.size(), " hosts), ", show_variable(get, tasks_name), " (", tasks.size(), " hosts, ", total,
               " tasks), ", show_variable(get, names.world_size), ", ", show_variable(get, "SLURM_NODEID"),
               "; start the program with srun and do not change them"));
  }
  values.local_world_size = tasks[static_cast<std::size_t>(node)];
  check_local_rank(get, names, values);
  set_ranks(result, "slurm", values);
  result.job_id = concat(text_variable(get, "SLURM_JOB_ID"), ".", text_variable(get, "SLURM_STEP_ID"), "#",
                         text_variable(get, "SLURM_RESTART_COUNT"));
  result.master_address = hosts.front();
}

/// What every launcher may carry besides: an own job id, the secret, the address of rank 0.
template <VariableGetter Getter>
void read_common(Getter& get, LaunchEnvironment& result) {
  if (get("LOCKSTEP_JOB_ID") != nullptr) result.job_id = get("LOCKSTEP_JOB_ID");
  result.secret_file = text_variable(get, "LOCKSTEP_SECRET_FILE");
  if (result.launcher == "none") return;
  if (get("MASTER_ADDR") != nullptr) result.master_address = get("MASTER_ADDR");
  if (const char* port = get("MASTER_PORT")) result.master_port = parse_variable("MASTER_PORT", port, 1, 65535);
}

}  // namespace detail

/// Reads the launch environment through `get(name)`, which answers as getenv(3) does. Pure: nothing else is looked at,
/// and so `job_id` stays empty where no variable tells it (MPICH, one process); `LaunchEnvironment::detect` fills it
/// in. Throws EnvironmentError when variables are missing, malformed or contradictory.
template <detail::VariableGetter Getter>
LaunchEnvironment read_launch_environment(Getter&& get) {
  LaunchEnvironment result;
  const bool slurm_step = detail::inside_slurm_step(get);
  if (detail::any_set(get, detail::lockstep_variables)) {
    detail::read_lockstep(get, result);
  } else if (get("RANK") != nullptr || get("WORLD_SIZE") != nullptr) {
    detail::read_torchrun(get, result);
  } else if (detail::any_set(get, detail::openmpi_variables)) {
    detail::read_openmpi(get, result);
  } else if (get("PMI_RANK") != nullptr || get("PMI_SIZE") != nullptr || get("MPI_LOCALRANKID") != nullptr) {
    const bool local = get("MPI_LOCALRANKID") != nullptr || get("PMI_LOCAL_RANK") != nullptr;
    if (slurm_step && !local) {  // srun --mpi=pmi2 sets PMI_RANK and leaves the rest to SLURM_*
      detail::read_slurm(get, result);
    } else {
      detail::read_mpich(get, result);
    }
  } else if (const char* tasks = detail::slurm_task_count_name(get); slurm_step && get(tasks) != nullptr) {
    if (detail::parse_variable(tasks, get(tasks), 1, 1 << 24) > 1) detail::read_slurm(get, result);
  }
  detail::read_common(get, result);
  if (result.job_id.empty() && result.world_size > 1 && result.launcher != "mpich") {
    throw EnvironmentError(concat("launch environment: rank ", result.rank, " of ", result.world_size, " (",
                                  result.launcher,
                                  ") has nothing that tells its job from another on this host; set LOCKSTEP_JOB_ID to "
                                  "the same unique text on all ranks, or use a launcher"));
  }
  return result;
}

template <class>
LaunchEnvironment LaunchEnvironment::detect() {
  LaunchEnvironment result = read_launch_environment([](const char* name) { return std::getenv(name); });
  if (result.job_id.empty()) {
    result.job_id = result.launcher == "mpich" ? detail::hydra_proxy_identity() : detail::process_identity(::getpid());
  }
  return result;
}

/// Throws EnvironmentError when the job has ranks on other hosts; `communicator` names who cannot reach them.
LOCKSTEP_ON_DEMAND void require_one_host(const LaunchEnvironment& environment, std::string_view communicator) {
  if (!environment.spans_hosts()) return;
  throw EnvironmentError(concat(communicator, " works inside one host, but this job has ", environment.world_size,
                                " ranks of which ", environment.local_world_size, " run here (launcher ",
                                environment.launcher,
                                "); start all ranks on one host, or choose a communicator that spans hosts"));
}

}  // namespace lockstep
