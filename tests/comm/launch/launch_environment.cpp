#include <lockstep/comm/launch/launch_environment.hpp>

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace ls = lockstep;

namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

ls::LaunchEnvironment read(const Variables& variables) {
  return ls::read_launch_environment([&](const char* name) -> const char* {
    for (const auto& [key, value] : variables) {
      if (key == name) return value.c_str();
    }
    return nullptr;
  });
}

/// `base` with some variables set to another value, or removed where the value is "-".
Variables with(Variables base, const Variables& changes) {
  for (const auto& change : changes) {
    std::erase_if(base, [&](const auto& entry) { return entry.first == change.first; });
    if (change.second != "-") base.push_back(change);
  }
  return base;
}

/// The message of the EnvironmentError, or "" when nothing was thrown.
std::string message_of(const Variables& variables) {
  try {
    read(variables);
  } catch (const ls::EnvironmentError& error) {
    return error.what();
  }
  return "";
}

bool names_all(const std::string& message, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    if (message.find(part) == std::string::npos) return false;
  }
  return true;
}

const Variables own{{"LOCKSTEP_RANK", "2"},        {"LOCKSTEP_WORLD_SIZE", "4"},
                    {"LOCKSTEP_LOCAL_RANK", "2"},  {"LOCKSTEP_LOCAL_WORLD_SIZE", "4"},
                    {"LOCKSTEP_JOB_ID", "c0ffee"}, {"LOCKSTEP_SECRET_FILE", "/run/secret"}};
const Variables own_of_two_nodes{{"LOCKSTEP_RANK", "3"},        {"LOCKSTEP_WORLD_SIZE", "4"},
                                 {"LOCKSTEP_LOCAL_RANK", "1"},  {"LOCKSTEP_LOCAL_WORLD_SIZE", "2"},
                                 {"LOCKSTEP_NODE_RANK", "1"},   {"LOCKSTEP_NODE_COUNT", "2"},
                                 {"LOCKSTEP_JOB_ID", "c0ffee"}, {"LOCKSTEP_RESTART_COUNT", "3"}};
const Variables torchrun{{"RANK", "5"},
                         {"WORLD_SIZE", "8"},
                         {"LOCAL_RANK", "1"},
                         {"LOCAL_WORLD_SIZE", "4"},
                         {"MASTER_ADDR", "gn10"},
                         {"MASTER_PORT", "29500"},
                         {"TORCHELASTIC_RUN_ID", "none"},
                         {"TORCHELASTIC_RESTART_COUNT", "0"},
                         {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                         {"GROUP_RANK", "1"},
                         {"GROUP_WORLD_SIZE", "2"}};
const Variables openmpi{{"OMPI_COMM_WORLD_RANK", "1"},       {"OMPI_COMM_WORLD_SIZE", "2"},
                        {"OMPI_COMM_WORLD_LOCAL_RANK", "1"}, {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                        {"PMIX_NAMESPACE", "1974730753"},    {"PMIX_RANK", "1"}};
const Variables mpich{
    {"PMI_RANK", "3"}, {"PMI_SIZE", "4"}, {"MPI_LOCALRANKID", "3"}, {"MPI_LOCALNRANKS", "4"}, {"PMI_FD", "8"}};
const Variables slurm{{"SLURM_JOB_ID", "4711"},
                      {"SLURM_STEP_ID", "0"},
                      {"SLURM_PROCID", "9"},
                      {"SLURM_NTASKS", "11"},
                      {"SLURM_LOCALID", "1"},
                      {"SLURM_NODEID", "2"},
                      {"SLURM_STEP_TASKS_PER_NODE", "4(x2),3"},
                      {"SLURM_STEP_NODELIST", "gn[10,20-21]"}};

}  // namespace

TEST_CASE("without a launcher there is one process") {
  const ls::LaunchEnvironment environment = read({});
  CHECK(environment.rank == 0);
  CHECK(environment.world_size == 1);
  CHECK(environment.local_rank == 0);
  CHECK(environment.local_world_size == 1);
  CHECK(environment.launcher == "none");
  CHECK(environment.job_id.empty());
  CHECK(environment.master_address.empty());
  CHECK(environment.master_port == 0);
  CHECK(environment.secret_file.empty());
  CHECK_FALSE(environment.spans_hosts());
}

TEST_CASE("variables that only look like a launcher's are left alone when there is none") {
  const ls::LaunchEnvironment environment = read({{"MASTER_PORT", "garbage"}, {"LOCAL_RANK", "x"}, {"PMIX_RANK", "7"}});
  CHECK(environment.launcher == "none");
  CHECK(environment.master_port == 0);
}

TEST_CASE("lockstep launch is recognised") {
  const ls::LaunchEnvironment environment = read(own);
  CHECK(environment.launcher == "lockstep");
  CHECK(environment.rank == 2);
  CHECK(environment.world_size == 4);
  CHECK(environment.local_rank == 2);
  CHECK(environment.local_world_size == 4);
  CHECK(environment.job_id == "c0ffee");
  CHECK(environment.secret_file == "/run/secret");
}

TEST_CASE("ranks started by hand need three variables") {
  const Variables by_hand{{"LOCKSTEP_RANK", "1"}, {"LOCKSTEP_WORLD_SIZE", "2"}, {"LOCKSTEP_JOB_ID", "mine"}};
  const ls::LaunchEnvironment environment = read(by_hand);
  CHECK(environment.local_rank == 1);
  CHECK(environment.local_world_size == 2);
  CHECK(names_all(message_of(with(by_hand, {{"LOCKSTEP_JOB_ID", "-"}})), {"rank 1 of 2", "LOCKSTEP_JOB_ID"}));
}

TEST_CASE("torchrun is recognised, with a taken port and several hosts") {
  const ls::LaunchEnvironment environment = read(torchrun);
  CHECK(environment.launcher == "torchrun");
  CHECK(environment.rank == 5);
  CHECK(environment.world_size == 8);
  CHECK(environment.local_rank == 1);
  CHECK(environment.local_world_size == 4);
  CHECK(environment.master_address == "gn10");
  CHECK(environment.master_port == 29500);
  CHECK(environment.master_port_taken);
  CHECK(environment.spans_hosts());
  CHECK_FALSE(read(with(torchrun, {{"TORCHELASTIC_USE_AGENT_STORE", "False"}})).master_port_taken);
}

TEST_CASE("torchrun's run id alone does not name a job") {
  // Its default is "none" for everybody: ports tell jobs apart, the count tells the restarts of one job apart.
  const std::string job = read(torchrun).job_id;
  CHECK(read(with(torchrun, {{"MASTER_PORT", "29501"}})).job_id != job);
  CHECK(read(with(torchrun, {{"TORCHELASTIC_RESTART_COUNT", "1"}})).job_id != job);
  CHECK(read(with(torchrun, {{"TORCHELASTIC_RUN_ID", "other"}})).job_id != job);
  CHECK(read(with(torchrun, {{"RANK", "4"}, {"LOCAL_RANK", "0"}})).job_id == job);
  CHECK(names_all(message_of(with(torchrun, {{"MASTER_PORT", "-"}, {"TORCHELASTIC_USE_AGENT_STORE", "False"}})),
                  {"rank 5 of 8", "torchrun", "LOCKSTEP_JOB_ID"}));
}

TEST_CASE("Open MPI is recognised") {
  const ls::LaunchEnvironment environment = read(openmpi);
  CHECK(environment.launcher == "openmpi");
  CHECK(environment.rank == 1);
  CHECK(environment.world_size == 2);
  CHECK(environment.local_rank == 1);
  CHECK(environment.local_world_size == 2);
  CHECK(environment.job_id == "1974730753");
  CHECK(read(with(openmpi, {{"OMPI_MCA_orte_precondition_transports", "ce2a-ba09"}})).job_id == "1974730753.ce2a-ba09");
  CHECK(read(with(openmpi, {{"PMIX_NAMESPACE", "-"}, {"OMPI_MCA_ess_base_jobid", "12"}})).job_id == "12");
  CHECK(names_all(message_of(with(openmpi, {{"PMIX_NAMESPACE", "-"}})), {"openmpi", "LOCKSTEP_JOB_ID"}));
}

TEST_CASE("MPICH and its relatives are recognised") {
  const ls::LaunchEnvironment environment = read(mpich);
  CHECK(environment.launcher == "mpich");
  CHECK(environment.rank == 3);
  CHECK(environment.world_size == 4);
  CHECK(environment.local_rank == 3);
  CHECK(environment.local_world_size == 4);
  CHECK(environment.job_id.empty());  // no variable tells it
  CHECK(read(with(mpich, {{"PMI_PORT", "gn10:40000"}})).job_id == "gn10:40000");

  const Variables cray{
      {"PMI_RANK", "3"}, {"PMI_SIZE", "4"}, {"PMI_LOCAL_RANK", "1"}, {"PMI_LOCAL_SIZE", "2"}, {"PALS_APID", "f00"}};
  CHECK(read(cray).local_rank == 1);
  CHECK(read(cray).job_id == "f00");
  CHECK(read(cray).spans_hosts());
}

TEST_CASE("a Slurm step is recognised and its lists are expanded") {
  const ls::LaunchEnvironment environment = read(slurm);
  CHECK(environment.launcher == "slurm");
  CHECK(environment.rank == 9);
  CHECK(environment.world_size == 11);
  CHECK(environment.local_rank == 1);
  CHECK(environment.local_world_size == 3);
  CHECK(environment.master_address == "gn10");
  CHECK(environment.spans_hosts());
  CHECK(read(with(slurm, {{"SLURM_STEP_ID", "1"}})).job_id != environment.job_id);
  CHECK(read(with(slurm, {{"SLURM_RESTART_COUNT", "1"}})).job_id != environment.job_id);
  CHECK(read(with(slurm, {{"MASTER_ADDR", "gn20"}, {"MASTER_PORT", "4000"}})).master_address == "gn20");
}

TEST_CASE("a Slurm step may hold fewer tasks than its job") {
  const Variables step = with(slurm, {{"SLURM_STEP_NUM_TASKS", "2"},
                                      {"SLURM_PROCID", "1"},
                                      {"SLURM_NODEID", "0"},
                                      {"SLURM_STEP_TASKS_PER_NODE", "2"},
                                      {"SLURM_STEP_NODELIST", "gn20"},
                                      {"SLURM_JOB_NODELIST", "gn[10,20-21]"},
                                      {"SLURM_TASKS_PER_NODE", "4(x2),3"}});
  const ls::LaunchEnvironment environment = read(step);
  CHECK(environment.world_size == 2);
  CHECK(environment.local_world_size == 2);
  CHECK(environment.master_address == "127.0.0.1");
  CHECK_FALSE(environment.spans_hosts());
}

TEST_CASE("older Slurm variables serve where the newer ones are missing") {
  const Variables old = with(slurm, {{"SLURM_NTASKS", "-"},
                                     {"SLURM_NPROCS", "11"},
                                     {"SLURM_STEP_TASKS_PER_NODE", "-"},
                                     {"SLURM_TASKS_PER_NODE", "4(x2),3"},
                                     {"SLURM_STEP_NODELIST", "-"},
                                     {"SLURM_JOB_NODELIST", "gn[10,20-21]"}});
  CHECK(read(old).world_size == 11);
  CHECK(read(old).local_world_size == 3);
}

TEST_CASE("Slurm variables outside a parallel step mean one process") {
  CHECK(read(with(slurm, {{"SLURM_STEP_ID", "-"}})).launcher == "none");           // a batch script
  CHECK(read(with(slurm, {{"SLURM_STEP_ID", "4294967291"}})).launcher == "none");  // its step's reserved id
  CHECK(read(with(slurm, {{"SLURM_STEP_ID", "4294967290"}})).launcher == "none");  // an interactive shell's
  CHECK(read(with(slurm, {{"SLURM_NTASKS", "1"}})).launcher == "none");
  CHECK(read(with(slurm, {{"SLURM_NTASKS", "-"}})).launcher == "none");
}

TEST_CASE("launchers are looked for in a fixed order") {
  Variables all = own;
  for (const Variables& more : {torchrun, openmpi, mpich, slurm}) all.insert(all.end(), more.begin(), more.end());
  CHECK(read(all).launcher == "lockstep");
  for (const auto& [name, value] : own) all = with(all, {{name, "-"}});
  CHECK(read(all).launcher == "torchrun");
  for (const auto& [name, value] : torchrun) all = with(all, {{name, "-"}});
  CHECK(read(all).launcher == "openmpi");
  for (const auto& [name, value] : openmpi) all = with(all, {{name, "-"}});
  CHECK(read(all).launcher == "mpich");
  for (const auto& [name, value] : mpich) all = with(all, {{name, "-"}});
  CHECK(read(all).launcher == "slurm");
}

TEST_CASE("srun with a PMI-2 plugin is Slurm, and mpich inside Slurm is mpich") {
  const Variables pmi2 = with(slurm, {{"PMI_RANK", "9"}, {"PMI_SIZE", "11"}, {"PMI_JOBID", "4711.0"}});
  CHECK(read(pmi2).launcher == "slurm");
  CHECK(read(pmi2).local_world_size == 3);
  Variables both = slurm;
  both.insert(both.end(), mpich.begin(), mpich.end());
  CHECK(read(both).launcher == "mpich");
}

TEST_CASE("an own job id and a secret go with every launcher") {
  for (const Variables& launcher : {torchrun, openmpi, mpich, slurm}) {
    const ls::LaunchEnvironment environment =
        read(with(launcher, {{"LOCKSTEP_JOB_ID", "mine"}, {"LOCKSTEP_SECRET_FILE", "/s"}}));
    CHECK(environment.job_id == "mine");
    CHECK(environment.secret_file == "/s");
    CHECK(environment.launcher != "lockstep");
  }
}

TEST_CASE("half a set of variables is an error that names what is there and what is not") {
  CHECK(names_all(message_of({{"RANK", "0"}}), {"RANK=\"0\"", "WORLD_SIZE is not set"}));
  CHECK(names_all(message_of({{"WORLD_SIZE", "2"}}), {"WORLD_SIZE=\"2\"", "RANK is not set"}));
  CHECK(names_all(message_of({{"RANK", "0"}, {"WORLD_SIZE", "2"}}), {"RANK=\"0\"", "LOCAL_RANK is not set"}));
  CHECK(names_all(message_of(with(torchrun, {{"LOCAL_WORLD_SIZE", "-"}})),
                  {"LOCAL_RANK=\"1\"", "LOCAL_WORLD_SIZE is not set"}));
  CHECK(names_all(message_of({{"LOCKSTEP_LOCAL_RANK", "0"}}), {"LOCKSTEP_WORLD_SIZE is not set"}));
  CHECK(names_all(message_of(with(own, {{"LOCKSTEP_WORLD_SIZE", "-"}})),
                  {"LOCKSTEP_RANK=\"2\"", "LOCKSTEP_WORLD_SIZE is not set"}));
  CHECK(names_all(message_of(with(own, {{"LOCKSTEP_RANK", "-"}})),
                  {"LOCKSTEP_WORLD_SIZE=\"4\"", "LOCKSTEP_RANK is not set"}));
  CHECK(
      names_all(message_of(with(own, {{"LOCKSTEP_LOCAL_WORLD_SIZE", "-"}})), {"LOCKSTEP_LOCAL_WORLD_SIZE is not set"}));
  CHECK(names_all(message_of({{"OMPI_COMM_WORLD_RANK", "1"}}), {"OMPI_COMM_WORLD_SIZE is not set"}));
  CHECK(names_all(message_of(with(openmpi, {{"OMPI_COMM_WORLD_LOCAL_RANK", "-"}})),
                  {"OMPI_COMM_WORLD_LOCAL_RANK is not set"}));
  CHECK(
      names_all(message_of({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}}), {"PMI_RANK=\"1\"", "MPI_LOCALRANKID is not set"}));
  CHECK(names_all(message_of({{"MPI_LOCALRANKID", "0"}}), {"PMI_SIZE is not set"}));
  for (const char* name :
       {"SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_STEP_TASKS_PER_NODE", "SLURM_STEP_NODELIST"}) {
    CAPTURE(name);
    CHECK(message_of(with(slurm, {{name, "-"}})).find(" is not set") != std::string::npos);
  }
}

TEST_CASE("nodes are numbered where the launcher tells, and unknown where it does not") {
  const ls::LaunchEnvironment launched = read(own_of_two_nodes);
  CHECK(launched.node_rank == 1);
  CHECK(launched.node_count == 2);
  CHECK(launched.restart_count == 3);
  CHECK(read(torchrun).node_rank == 1);
  CHECK(read(torchrun).node_count == 2);
  CHECK(read(with(torchrun, {{"TORCHELASTIC_RESTART_COUNT", "2"}})).restart_count == 2);
  CHECK(read(slurm).node_rank == 2);
  CHECK(read(slurm).node_count == 3);
  CHECK(read(with(slurm, {{"SLURM_RESTART_COUNT", "4"}})).restart_count == 4);
  const Variables spread{{"OMPI_COMM_WORLD_SIZE", "4"}};
  CHECK(read(with(openmpi, spread)).node_rank == -1);
  CHECK(read(with(openmpi, spread)).node_count == 0);
  for (const Variables& local : {Variables{}, own, openmpi, mpich}) {
    CHECK(read(local).node_rank == 0);
    CHECK(read(local).node_count == 1);
    CHECK(read(local).restart_count == 0);
  }
}

TEST_CASE("nodes that contradict themselves or the ranks are errors that name the variables") {
  CHECK(names_all(message_of(with(own_of_two_nodes, {{"LOCKSTEP_NODE_COUNT", "-"}})),
                  {"LOCKSTEP_NODE_RANK=\"1\"", "LOCKSTEP_NODE_COUNT is not set"}));
  CHECK(names_all(message_of(with(own_of_two_nodes, {{"LOCKSTEP_NODE_RANK", "-"}})),
                  {"LOCKSTEP_NODE_COUNT=\"2\"", "LOCKSTEP_NODE_RANK is not set"}));
  CHECK(names_all(message_of(with(own_of_two_nodes, {{"LOCKSTEP_NODE_RANK", "2"}})),
                  {"LOCKSTEP_NODE_RANK=\"2\"", "LOCKSTEP_NODE_COUNT=\"2\""}));
  for (const char* count : {"1", "4"}) {  // two ranks are elsewhere: on at least one and at most two other nodes
    CAPTURE(count);
    CHECK(names_all(message_of(with(own_of_two_nodes, {{"LOCKSTEP_NODE_COUNT", count}, {"LOCKSTEP_NODE_RANK", "0"}})),
                    {"LOCKSTEP_NODE_COUNT=\"" + std::string(count) + "\"", "LOCKSTEP_WORLD_SIZE=\"4\"",
                     "LOCKSTEP_LOCAL_WORLD_SIZE=\"2\"", "2 ranks run on other nodes"}));
  }
  CHECK(read(with(own_of_two_nodes, {{"LOCKSTEP_NODE_COUNT", "3"}})).node_count == 3);
  CHECK(names_all(message_of(with(torchrun, {{"GROUP_WORLD_SIZE", "-"}})),
                  {"GROUP_RANK=\"1\"", "GROUP_WORLD_SIZE is not set"}));
  CHECK(names_all(message_of(with(torchrun, {{"GROUP_WORLD_SIZE", "6"}})), {"GROUP_WORLD_SIZE=\"6\"", "4 ranks"}));
  CHECK(names_all(message_of(with(torchrun, {{"TORCHELASTIC_RESTART_COUNT", "x"}})),
                  {"TORCHELASTIC_RESTART_COUNT=\"x\""}));
}

TEST_CASE("a store of torchrun's needs an address") {
  for (const char* name : {"MASTER_ADDR", "MASTER_PORT"}) {
    CAPTURE(name);
    CHECK(names_all(message_of(with(torchrun, {{name, "-"}})),
                    {"TORCHELASTIC_USE_AGENT_STORE=\"True\"", std::string(name) + " is not set"}));
  }
}

TEST_CASE("the address of rank 0 is derived where no variable gives it") {
  const Variables spread = with(
      openmpi,
      {{"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_MCA_orte_hnp_uri", "1.0;tcp://10.0.0.7,192.168.0.1:41;tcp6://[::1]:42"}});
  CHECK(read(spread).master_address == "10.0.0.7");
  CHECK(read(with(spread, {{"OMPI_MCA_orte_hnp_uri", "1.0;tcp://10.0.0.8:41"}})).master_address == "10.0.0.8");
  CHECK(read(with(spread, {{"OMPI_MCA_orte_hnp_uri", "1.0;tcp6://[::1]:42"}})).master_address.empty());
  CHECK(read(with(spread, {{"OMPI_MCA_orte_hnp_uri", "garbage"}})).master_address.empty());
  CHECK(read(with(spread, {{"MASTER_ADDR", "gn1"}})).master_address == "gn1");
  for (const Variables& local : {own, openmpi, mpich}) CHECK(read(local).master_address == "127.0.0.1");
  CHECK(names_all(message_of(with(spread, {{"MASTER_ADDR", ""}})), {"MASTER_ADDR=\"\""}));
}

TEST_CASE("the port is a function of the job id where no variable gives it") {
  const int port = read(slurm).master_port;
  CHECK(port >= 20000);
  CHECK(port <= 29999);
  CHECK(read(with(slurm, {{"SLURM_PROCID", "0"}, {"SLURM_LOCALID", "0"}, {"SLURM_NODEID", "0"}})).master_port == port);
  CHECK(read(with(slurm, {{"SLURM_STEP_ID", "1"}})).master_port != port);
  CHECK(read(with(slurm, {{"MASTER_PORT", "4000"}})).master_port == 4000);
  CHECK(read(openmpi).master_port >= 20000);
  CHECK(read(mpich).master_port == 0);  // there is no job id
}

TEST_CASE("who needs an address says which variable gives it") {
  const auto refusal = [](const ls::LaunchEnvironment& environment) -> std::string {
    try {
      ls::require_master(environment, "Tcp");
    } catch (const ls::EnvironmentError& error) {
      return error.what();
    }
    return "";
  };
  for (const Variables& complete : {own, torchrun, slurm, openmpi}) CHECK(refusal(read(complete)).empty());
  CHECK(names_all(refusal(read({})), {"Tcp", "without a launcher", "MASTER_ADDR", "MASTER_PORT"}));
  const Variables spread = with(mpich, {{"MPI_LOCALRANKID", "0"}, {"MPI_LOCALNRANKS", "2"}});
  CHECK(names_all(refusal(read(spread)), {"Tcp", "mpich", "MASTER_ADDR", "MASTER_PORT"}));
  CHECK(names_all(refusal(read(with(spread, {{"MASTER_ADDR", "gn1"}}))), {"port", "mpich", "MASTER_PORT"}));
  const Variables addressed = with(spread, {{"MASTER_ADDR", "gn1"}, {"MASTER_PORT", "4000"}});
  CHECK(names_all(refusal(read(addressed)), {"job id", "LOCKSTEP_JOB_ID"}));
  CHECK(names_all(refusal(read(with(addressed, {{"PMI_PORT", "gn1:7"}}))), {"job id", "LOCKSTEP_JOB_ID"}));
  CHECK(refusal(read(with(addressed, {{"LOCKSTEP_JOB_ID", "mine"}}))).empty());
  CHECK(refusal(read(with(addressed, {{"PMI_JOBID", "77"}}))).empty());
}

TEST_CASE("every value tells where it came from") {
  const auto origins_of = [](const Variables& variables) {
    ls::LaunchOrigins origins;
    ls::read_launch_environment(
        [&](const char* name) -> const char* {
          for (const auto& [key, value] : variables) {
            if (key == name) return value.c_str();
          }
          return nullptr;
        },
        &origins);
    return origins;
  };
  const ls::LaunchOrigins none = origins_of({});
  CHECK(std::string(none.rank) == "");
  CHECK(std::string(none.master_address) == "");
  const ls::LaunchOrigins torch = origins_of(torchrun);
  CHECK(std::string(torch.rank) == "RANK");
  CHECK(std::string(torch.local_world_size) == "LOCAL_WORLD_SIZE");
  CHECK(std::string(torch.node_rank) == "GROUP_RANK");
  CHECK(std::string(torch.restart_count) == "TORCHELASTIC_RESTART_COUNT");
  CHECK(std::string(torch.master_port) == "MASTER_PORT");
  const ls::LaunchOrigins of_slurm = origins_of(slurm);
  CHECK(std::string(of_slurm.world_size) == "SLURM_NTASKS");
  CHECK(std::string(of_slurm.local_world_size) == "SLURM_STEP_TASKS_PER_NODE");
  CHECK(std::string(of_slurm.master_address) == "SLURM_STEP_NODELIST");
  CHECK(std::string(of_slurm.master_port) == "hash of the job id");
  CHECK(std::string(origins_of(openmpi).job_id) == "PMIX_NAMESPACE");
  CHECK(std::string(origins_of(own).secret_file) == "LOCKSTEP_SECRET_FILE");
  CHECK(std::string(origins_of(own).node_count) == "all ranks are local");
}

TEST_CASE("values that are no numbers in range are errors that name variable and value") {
  for (const std::string value : {"", "x", "1x", " 1", "+1", "-", "-1", "1.5", "0x1", "99999999999999999999"}) {
    CAPTURE(value);
    CHECK(names_all(message_of(with(torchrun, {{"RANK", value == "-" ? "--" : value}})), {"RANK=\""}));
    CHECK(names_all(message_of(with(torchrun, {{"WORLD_SIZE", value == "-" ? "--" : value}})), {"WORLD_SIZE=\""}));
  }
  CHECK(names_all(message_of(with(torchrun, {{"RANK", "-1"}})), {"RANK=\"-1\"", "whole number from 0"}));
  CHECK(names_all(message_of(with(torchrun, {{"WORLD_SIZE", "0"}})), {"WORLD_SIZE=\"0\"", "whole number from 1"}));
  CHECK(names_all(message_of(with(torchrun, {{"LOCAL_WORLD_SIZE", "0"}})), {"LOCAL_WORLD_SIZE=\"0\""}));
  CHECK(names_all(message_of(with(torchrun, {{"MASTER_PORT", "70000"}})), {"MASTER_PORT=\"70000\"", "65535"}));
  CHECK(names_all(message_of(with(torchrun, {{"MASTER_PORT", "http"}})), {"MASTER_PORT=\"http\""}));
  CHECK(names_all(message_of(with(slurm, {{"SLURM_NTASKS", "many"}})), {"SLURM_NTASKS=\"many\""}));
  CHECK(names_all(message_of(with(slurm, {{"SLURM_NODEID", "-2"}})), {"SLURM_NODEID=\"-2\""}));
}

TEST_CASE("numbers that contradict each other are errors that name both variables") {
  CHECK(names_all(message_of(with(torchrun, {{"RANK", "8"}})), {"RANK=\"8\"", "WORLD_SIZE=\"8\""}));
  CHECK(names_all(message_of(with(torchrun, {{"LOCAL_RANK", "4"}})), {"LOCAL_RANK=\"4\"", "LOCAL_WORLD_SIZE=\"4\""}));
  CHECK(names_all(message_of(with(torchrun, {{"LOCAL_WORLD_SIZE", "9"}})),
                  {"LOCAL_WORLD_SIZE=\"9\"", "WORLD_SIZE=\"8\""}));
  CHECK(names_all(message_of(with(slurm, {{"SLURM_LOCALID", "3"}})),
                  {"SLURM_LOCALID=\"3\"", "SLURM_STEP_TASKS_PER_NODE=\"4(x2),3\""}));
  const Variables changes{{"SLURM_NODEID", "3"},
                          {"SLURM_NTASKS", "12"},
                          {"SLURM_STEP_NODELIST", "gn10"},
                          {"SLURM_STEP_TASKS_PER_NODE", "11"}};
  for (const auto& change : changes) {
    CAPTURE(change.first);
    CHECK(names_all(message_of(with(slurm, {change})), {"contradict", change.first + "=\"" + change.second + "\""}));
  }
}

TEST_CASE("malformed Slurm lists are errors of the environment") {
  CHECK(names_all(message_of(with(slurm, {{"SLURM_STEP_NODELIST", "gn[10"}})), {"gn[10"}));
  CHECK(names_all(message_of(with(slurm, {{"SLURM_STEP_TASKS_PER_NODE", "4(x"}})), {"4(x"}));
}

TEST_CASE("a communicator of one host refuses a job on several") {
  CHECK_NOTHROW(ls::require_one_host(read(own), "Ring"));
  try {
    ls::require_one_host(read(torchrun), "Ring");
    FAIL("a job on two hosts was accepted");
  } catch (const ls::EnvironmentError& error) {
    CHECK(names_all(error.what(), {"Ring works inside one host", "8 ranks", "4 run here", "torchrun"}));
  }
}

TEST_CASE("detect reads the process environment") {
  const char* const names[] = {"LOCKSTEP_RANK", "LOCKSTEP_WORLD_SIZE", "LOCKSTEP_LOCAL_RANK",
                               "LOCKSTEP_LOCAL_WORLD_SIZE", "LOCKSTEP_JOB_ID"};
  Variables before;
  for (const char* name : names) {
    const char* value = std::getenv(name);
    before.emplace_back(name, value == nullptr ? "-" : value);
    unsetenv(name);
  }
  setenv("LOCKSTEP_RANK", "1", 1);
  setenv("LOCKSTEP_WORLD_SIZE", "3", 1);
  setenv("LOCKSTEP_JOB_ID", "detected", 1);
  const ls::LaunchEnvironment environment = ls::LaunchEnvironment::detect();
  for (const auto& [name, value] : before)
    value == "-" ? unsetenv(name.c_str()) : setenv(name.c_str(), value.c_str(), 1);
  CHECK(environment.rank == 1);
  CHECK(environment.world_size == 3);
  CHECK(environment.job_id == "detected");
}
