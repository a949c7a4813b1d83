// Finds out from the environment which rank this process is, whatever launcher started it.
// Order: LOCKSTEP_* > RANK and WORLD_SIZE (torchrun) > OMPI_* > PMI_* > SLURM_* > a run of one process.
#pragma once

#include <lockstep/comm/launch/fnv1a.hpp>
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
#include <utility>
#include <vector>

namespace lockstep {

/// Where each value of a LaunchEnvironment came from: a variable's name, or a few words. Empty: nobody told it.
struct LaunchOrigins {
  const char* rank = "";
  const char* world_size = "";
  const char* local_rank = "";
  const char* local_world_size = "";
  const char* node_rank = "";
  const char* node_count = "";
  const char* restart_count = "";
  const char* job_id = "";
  const char* master_address = "";
  const char* master_port = "";
  const char* secret_file = "";
};

/// The place of this process in its job.
struct LaunchEnvironment {
  int rank = 0;
  int world_size = 1;
  int local_rank = 0;              ///< Rank among the processes of the job on this node.
  int local_world_size = 1;        ///< Number of processes of the job on this node.
  int node_rank = 0;               ///< Number of this node among those of the job; -1 when the launcher does not tell.
  int node_count = 1;              ///< Nodes of the job: hosts, or launchers; 0 when the launcher does not tell.
  int restart_count = 0;           ///< How often the launcher has started the job's ranks anew.
  std::string launcher = "none";   ///< "lockstep", "torchrun", "openmpi", "mpich", "slurm" or "none".
  std::string job_id;              ///< The same on all ranks of a job on a host, different for any two jobs.
  bool job_id_is_local = false;    ///< Other hosts of the job have another id: no variable tells a common one.
  std::string master_address;      ///< Host of rank 0; empty when the launcher does not tell.
  int master_port = 0;             ///< 0 when the launcher does not tell.
  bool master_port_taken = false;  ///< torchrun's agent listens on master_port: a client may connect, nobody may bind.
  std::string secret_file;         ///< Path of the job secret (comm/launch/job_secret.hpp); empty when there is none.

  /// True when ranks of this job run on other hosts as well.
  bool spans_hosts() const { return local_world_size != world_size; }

  /// Reads the process environment; `origins`, when given, is told where each value came from. Throws EnvironmentError
  /// when variables are missing, malformed or contradictory.
  LOCKSTEP_ON_DEMAND static LaunchEnvironment detect(LaunchOrigins* origins = nullptr);
};

namespace detail {

inline constexpr RankVariables lockstep_variables{"LOCKSTEP_RANK", "LOCKSTEP_WORLD_SIZE", "LOCKSTEP_LOCAL_RANK",
                                                  "LOCKSTEP_LOCAL_WORLD_SIZE"};
inline constexpr RankVariables torchrun_variables{"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"};
inline constexpr RankVariables openmpi_variables{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
                                                 "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"};
inline constexpr RankVariables mpich_variables{"PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"};
inline constexpr RankVariables cray_variables{"PMI_RANK", "PMI_SIZE", "PMI_LOCAL_RANK", "PMI_LOCAL_SIZE"};

/// What is found out, with its origins.
struct LaunchReading {
  LaunchEnvironment environment;
  LaunchOrigins origins;
};

template <VariableGetter Getter>
bool any_set(Getter& get, const RankVariables& names) {
  return get(names.rank) != nullptr || get(names.world_size) != nullptr || get(names.local_rank) != nullptr ||
         get(names.local_world_size) != nullptr;
}

LOCKSTEP_ON_DEMAND void set_ranks(LaunchReading& reading, const char* launcher, const RankVariables& names,
                                  const RankValues& values) {
  LaunchEnvironment& result = reading.environment;
  result.launcher = launcher;
  result.rank = values.rank;
  result.world_size = values.world_size;
  result.local_rank = values.local_rank;
  result.local_world_size = values.local_world_size;
  reading.origins.rank = names.rank;
  reading.origins.world_size = names.world_size;
  reading.origins.local_rank = names.local_rank;
  reading.origins.local_world_size = names.local_world_size;
  // Without other news: one node, or no telling which and how many.
  result.node_rank = result.spans_hosts() ? -1 : 0;
  result.node_count = result.spans_hosts() ? 0 : 1;
  if (!result.spans_hosts()) reading.origins.node_rank = reading.origins.node_count = "all ranks are local";
}

/// The number and the count of nodes, where the launcher sets both; throws EnvironmentError when it sets one, or when
/// they contradict the numbers of ranks.
template <VariableGetter Getter>
void read_nodes(Getter& get, const char* rank_name, const char* count_name, LaunchReading& reading) {
  if (get(rank_name) == nullptr && get(count_name) == nullptr) return;
  constexpr int limit = 1 << 24;
  LaunchEnvironment& result = reading.environment;
  result.node_count = required_variable(get, count_name, rank_name, 1, limit);
  result.node_rank = required_variable(get, rank_name, count_name, 0, limit);
  reading.origins.node_rank = rank_name;
  reading.origins.node_count = count_name;
  if (result.node_rank >= result.node_count) {
    throw EnvironmentError(concat("launch environment: ", show_variable(get, rank_name), " must be smaller than ",
                                  show_variable(get, count_name), " (nodes count from 0)"));
  }
  const int others = result.world_size - result.local_world_size;  // at least one on each other node
  if (others < result.node_count - 1 || (others > 0 && result.node_count == 1)) {
    throw EnvironmentError(concat("launch environment: ", show_variable(get, count_name), " contradicts ",
                                  show_variable(get, reading.origins.world_size), " and ",
                                  show_variable(get, reading.origins.local_world_size), ": ", others,
                                  others == 1 ? " rank runs" : " ranks run", " on other nodes"));
  }
}

template <VariableGetter Getter>
void read_restart_count(Getter& get, const char* name, LaunchReading& reading) {
  const char* value = get(name);
  if (value == nullptr) return;
  reading.environment.restart_count = parse_variable(name, value, 0, 1 << 24);
  reading.origins.restart_count = name;
}

template <VariableGetter Getter>
void read_lockstep(Getter& get, LaunchReading& reading) {
  const RankVariables& names = lockstep_variables;
  if (get(names.local_rank) == nullptr && get(names.local_world_size) == nullptr) {
    RankValues values;  // started by hand on one host: the local numbers are the global ones
    read_global_rank(get, names, values);
    values.local_rank = values.rank;
    values.local_world_size = values.world_size;
    set_ranks(reading, "lockstep", {names.rank, names.world_size, names.rank, names.world_size}, values);
  } else {
    set_ranks(reading, "lockstep", names, read_ranks(get, names));
  }
  read_nodes(get, "LOCKSTEP_NODE_RANK", "LOCKSTEP_NODE_COUNT", reading);
  read_restart_count(get, "LOCKSTEP_RESTART_COUNT", reading);
}

template <VariableGetter Getter>
void read_torchrun(Getter& get, LaunchReading& reading) {
  LaunchEnvironment& result = reading.environment;
  set_ranks(reading, "torchrun", torchrun_variables, read_ranks(get, torchrun_variables));
  read_nodes(get, "GROUP_RANK", "GROUP_WORLD_SIZE", reading);
  read_restart_count(get, "TORCHELASTIC_RESTART_COUNT", reading);
  result.master_port_taken = text_variable(get, "TORCHELASTIC_USE_AGENT_STORE") == "True";
  if (result.master_port_taken && (get("MASTER_ADDR") == nullptr || get("MASTER_PORT") == nullptr)) {
    throw EnvironmentError(concat("launch environment: ", show_variable(get, "TORCHELASTIC_USE_AGENT_STORE"), " but ",
                                  show_variable(get, "MASTER_ADDR"), " and ", show_variable(get, "MASTER_PORT"),
                                  "; torchrun sets all three: pass them on to the program"));
  }
  // The run id is "none" unless the user gave one; the port tells jobs on one host apart, the count restarts of one
  // job.
  const char* port = get("MASTER_PORT");
  const std::string run_id = text_variable(get, "TORCHELASTIC_RUN_ID");
  if (port != nullptr || (!run_id.empty() && run_id != "none")) {
    result.job_id = concat(run_id, "@", text_variable(get, "MASTER_ADDR"), ":", port == nullptr ? "" : port, "#",
                           text_variable(get, "TORCHELASTIC_RESTART_COUNT"));
    reading.origins.job_id = "TORCHELASTIC_RUN_ID, MASTER_ADDR, MASTER_PORT, TORCHELASTIC_RESTART_COUNT";
  }
}

/// The first IPv4 address in "123.0;tcp://10.0.0.1,192.168.0.1:4000;tcp6://[::1]:4001", where the head process of Open
/// MPI 4 listens; empty when there is none.
LOCKSTEP_ON_DEMAND std::string openmpi_head_address(std::string_view uri) {
  constexpr std::string_view mark = ";tcp://";
  const std::size_t start = uri.find(mark);
  if (start == std::string_view::npos) return "";
  const std::string_view rest = uri.substr(start + mark.size());
  return std::string(rest.substr(0, rest.find_first_of(",:;")));
}

template <VariableGetter Getter>
void read_openmpi(Getter& get, LaunchReading& reading) {
  LaunchEnvironment& result = reading.environment;
  set_ranks(reading, "openmpi", openmpi_variables, read_ranks(get, openmpi_variables));
  for (const char* name : {"PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid"}) {
    if (!result.job_id.empty()) continue;
    result.job_id = text_variable(get, name);
    reading.origins.job_id = name;
  }
  // Open MPI 4 names a job by a hash of 16 bits; the random key it makes for its transports removes the doubt.
  const std::string key = text_variable(get, "OMPI_MCA_orte_precondition_transports");
  if (!result.job_id.empty() && !key.empty()) result.job_id = concat(result.job_id, ".", key);
  result.master_address = openmpi_head_address(text_variable(get, "OMPI_MCA_orte_hnp_uri"));
  if (!result.master_address.empty()) reading.origins.master_address = "OMPI_MCA_orte_hnp_uri, where mpirun runs";
}

template <VariableGetter Getter>
void read_mpich(Getter& get, LaunchReading& reading) {
  LaunchEnvironment& result = reading.environment;
  const bool cray = get(mpich_variables.local_rank) == nullptr && get(cray_variables.local_rank) != nullptr;
  const RankVariables& names = cray ? cray_variables : mpich_variables;
  set_ranks(reading, "mpich", names, read_ranks(get, names));
  for (const char* name : {"PMI_JOBID", "PALS_APID", "PMI_PORT"}) {
    if (!result.job_id.empty()) continue;
    result.job_id = text_variable(get, name);
    reading.origins.job_id = name;
  }
  // PMI_PORT is where the host's own proxy of the process manager listens.
  result.job_id_is_local =
      result.spans_hosts() && (result.job_id.empty() || std::string_view(reading.origins.job_id) == "PMI_PORT");
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
void read_slurm(Getter& get, LaunchReading& reading) {
  LaunchEnvironment& result = reading.environment;
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
  set_ranks(reading, "slurm", names, values);
  result.node_rank = node;
  result.node_count = static_cast<int>(hosts.size());
  reading.origins.node_rank = "SLURM_NODEID";
  reading.origins.node_count = nodes_name;
  read_restart_count(get, "SLURM_RESTART_COUNT", reading);
  result.job_id = concat(text_variable(get, "SLURM_JOB_ID"), ".", text_variable(get, "SLURM_STEP_ID"), "#",
                         text_variable(get, "SLURM_RESTART_COUNT"));
  reading.origins.job_id = "SLURM_JOB_ID, SLURM_STEP_ID, SLURM_RESTART_COUNT";
  result.master_address = hosts.front();
  reading.origins.master_address = nodes_name;
}

LOCKSTEP_ON_DEMAND int port_of_job(std::string_view job_id) {
  return 20000 + static_cast<int>(Fnv1a().mix(job_id).value() % 10000);
}

/// What every launcher may carry besides: an own job id, the secret, the address of rank 0.
template <VariableGetter Getter>
void read_common(Getter& get, LaunchReading& reading) {
  LaunchEnvironment& result = reading.environment;
  LaunchOrigins& origins = reading.origins;
  if (get("LOCKSTEP_JOB_ID") != nullptr) {
    result.job_id = get("LOCKSTEP_JOB_ID");
    result.job_id_is_local = false;
    origins.job_id = "LOCKSTEP_JOB_ID";
  }
  if (get("LOCKSTEP_SECRET_FILE") != nullptr) {
    result.secret_file = get("LOCKSTEP_SECRET_FILE");
    origins.secret_file = "LOCKSTEP_SECRET_FILE";
  }
  if (result.launcher == "none") return;
  if (get("MASTER_ADDR") != nullptr) {
    result.master_address = get("MASTER_ADDR");
    origins.master_address = "MASTER_ADDR";
    if (result.master_address.empty()) {
      throw EnvironmentError(
          "launch environment: MASTER_ADDR=\"\" names no host; set it to the host of rank 0, or unset it");
    }
  } else if (!result.spans_hosts()) {
    result.master_address = "127.0.0.1";
    origins.master_address = "all ranks are local";
  }
  if (const char* port = get("MASTER_PORT")) {
    result.master_port = parse_variable("MASTER_PORT", port, 1, 65535);
    origins.master_port = "MASTER_PORT";
  } else if (!result.job_id.empty()) {
    result.master_port = port_of_job(result.job_id);
    origins.master_port = "hash of the job id";
  }
}

}  // namespace detail

/// Reads the launch environment through `get(name)`, which answers as getenv(3) does. Pure: nothing else is looked at,
/// and so `job_id` stays empty where no variable tells it (MPICH, one process); `LaunchEnvironment::detect` fills it
/// in. Where no MASTER_PORT is set, the port is 20000 to 29999 by a hash of the job id: two jobs may draw the same one,
/// and are kept apart by their ids and secrets. `origins`, when given, is told where each value came from. Throws
/// EnvironmentError when variables are missing, malformed or contradictory.
template <detail::VariableGetter Getter>
LaunchEnvironment read_launch_environment(Getter&& get, LaunchOrigins* origins = nullptr) {
  detail::LaunchReading reading;
  const LaunchEnvironment& result = reading.environment;
  const bool slurm_step = detail::inside_slurm_step(get);
  if (detail::any_set(get, detail::lockstep_variables)) {
    detail::read_lockstep(get, reading);
  } else if (get("RANK") != nullptr || get("WORLD_SIZE") != nullptr) {
    detail::read_torchrun(get, reading);
  } else if (detail::any_set(get, detail::openmpi_variables)) {
    detail::read_openmpi(get, reading);
  } else if (get("PMI_RANK") != nullptr || get("PMI_SIZE") != nullptr || get("MPI_LOCALRANKID") != nullptr) {
    const bool local = get("MPI_LOCALRANKID") != nullptr || get("PMI_LOCAL_RANK") != nullptr;
    if (slurm_step && !local) {  // srun --mpi=pmi2 sets PMI_RANK and leaves the rest to SLURM_*
      detail::read_slurm(get, reading);
    } else {
      detail::read_mpich(get, reading);
    }
  } else if (const char* tasks = detail::slurm_task_count_name(get); slurm_step && get(tasks) != nullptr) {
    if (detail::parse_variable(tasks, get(tasks), 1, 1 << 24) > 1) detail::read_slurm(get, reading);
  }
  detail::read_common(get, reading);
  if (result.job_id.empty() && result.world_size > 1 && result.launcher != "mpich") {
    throw EnvironmentError(concat("launch environment: rank ", result.rank, " of ", result.world_size, " (",
                                  result.launcher,
                                  ") has nothing that tells its job from another on this host; set LOCKSTEP_JOB_ID to "
                                  "the same unique text on all ranks, or use a launcher"));
  }
  if (origins != nullptr) *origins = reading.origins;
  return std::move(reading.environment);
}

template <class>
LaunchEnvironment LaunchEnvironment::detect(LaunchOrigins* origins) {
  LaunchOrigins unused;
  if (origins == nullptr) origins = &unused;
  LaunchEnvironment result = read_launch_environment([](const char* name) { return std::getenv(name); }, origins);
  if (result.job_id.empty()) {
    const bool alone = result.launcher != "mpich";
    result.job_id = alone ? detail::process_identity(::getpid()) : detail::hydra_proxy_identity();
    origins->job_id = alone ? "this process" : "the process manager's proxy on this host";
    if (!alone && result.master_port == 0 && !result.spans_hosts()) {
      result.master_port = detail::port_of_job(result.job_id);
      origins->master_port = "hash of the job id";
    }
  }
  return result;
}

/// Throws EnvironmentError when the job has ranks on other hosts; `communicator` names who cannot reach them.
LOCKSTEP_ON_DEMAND void require_one_host(const LaunchEnvironment& environment, std::string_view communicator) {
  if (!environment.spans_hosts()) return;
  throw EnvironmentError(concat(communicator, " works inside one host, but this job has ", environment.world_size,
                                " ranks of which ", environment.local_world_size, " run here (launcher ",
                                environment.launcher,
                                "); start all ranks on one host, or use the backend CpuCluster (lockstep/cluster.hpp)"));
}

/// Throws EnvironmentError when the ranks cannot meet by address: the host or the port of rank 0 is not known, or hosts
/// have no common job id. `communicator` names who needs it.
LOCKSTEP_ON_DEMAND void require_master(const LaunchEnvironment& environment, std::string_view communicator) {
  const bool alone = environment.launcher == "none";
  const auto missing = [&](std::string_view what, std::string_view advice) {
    return EnvironmentError(concat(communicator, " needs ", what, ", which ",
                                   alone ? "a run without a launcher" : environment.launcher, " does not tell; set ",
                                   advice, ", the same on all ranks"));
  };
  if (environment.master_address.empty()) {
    throw missing("the address of rank 0", "MASTER_ADDR to its host and MASTER_PORT to a port that is free there");
  }
  if (environment.master_port == 0) {
    throw missing("the port of rank 0", "MASTER_PORT to a port that is free on its host");
  }
  if (environment.job_id_is_local && environment.spans_hosts()) {
    throw missing("a job id that all hosts know", "LOCKSTEP_JOB_ID to a text that no other job has");
  }
}

}  // namespace lockstep
