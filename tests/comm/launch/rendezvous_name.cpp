#include <lockstep/comm/launch/rendezvous_name.hpp>

#include <doctest/doctest.h>

#include <unistd.h>

#include <string>

namespace ls = lockstep;

namespace {

std::string name_of(const std::string& launcher, const std::string& job_id) {
  ls::LaunchEnvironment environment;
  environment.launcher = launcher;
  environment.job_id = job_id;
  return ls::rendezvous_name(environment);
}

}  // namespace

TEST_CASE("ranks of a job share a rendezvous name, other jobs have another") {
  ls::LaunchEnvironment environment;
  environment.launcher = "slurm";
  environment.job_id = "4711.0#";
  const std::string name = ls::rendezvous_name(environment);
  environment.rank = 3;
  environment.local_rank = 3;
  CHECK(ls::rendezvous_name(environment) == name);
  CHECK(name_of("slurm", "4711.1#") != name);
  CHECK(name_of("torchrun", "4711.0#") != name);
  CHECK(name.find("-" + std::to_string(geteuid()) + "-") != std::string::npos);
}

TEST_CASE("two nodes of a job on one host have names of their own") {
  ls::LaunchEnvironment environment;
  environment.job_id = "4711";
  const std::string alone = ls::rendezvous_name(environment);
  environment.node_count = 2;
  const std::string first = ls::rendezvous_name(environment);
  environment.node_rank = 1;
  CHECK(ls::rendezvous_name(environment) != first);
  CHECK(alone != first);
}

TEST_CASE("a rendezvous name fits a Unix socket whatever the job is called") {
  const std::string start(200, 'x');
  for (const std::string& job_id : {std::string(), std::string("a/b\n\xff c"), start, start + "1", start + "2"}) {
    const std::string name = name_of("lockstep", job_id);
    CHECK(name.size() <= 100);
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") ==
          std::string::npos);
  }
  CHECK(name_of("lockstep", start + "1") != name_of("lockstep", start + "2"));
  CHECK(name_of("lockstep", "a/b") != name_of("lockstep", "a_b"));
}
