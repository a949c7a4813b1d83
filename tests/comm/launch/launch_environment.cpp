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
const Variables torchrun{{"RANK", "5"},
                         {"WORLD_SIZE", "8"},
                         {"LOCAL_RANK", "1"},
                         {"LOCAL_WORLD_SIZE", "4"},
                         {"MASTER_ADDR", "gn10"},
                         {"MASTER_PORT", "29500"},
                         {"TORCHELASTIC_RUN_ID", "none"},
                         {"TORCHELASTIC_RESTART_COUNT", "0"},
                         {"TORCHELASTIC_USE_AGENT_STORE", "True"}};
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
  CHECK(names_all(message_of(with(torchrun, {{"MASTER_PORT", "-"}})), {"rank 5 of 8", "torchrun", "LOCKSTEP_JOB_ID"}));
}

TEST_CASE("Open MPI is recognised") {
  const ls::LaunchEnvironment environment = read(openmpi);
  CHECK(environment.launcher == "openmpi");
  CHECK(environment.rank == 1);
  CHECK(environment.world_size == 2);
  CHECK(environment.local_rank == 1);
  CHECK(environment.local_world_size == 2);
  CHECK(environment.job_id == "1974730753");
  CHECK(environment.master_port == 0);
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
  CHECK(environment.master_address == "gn20");
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
