#include <lockstep/comm/launch/job_description.hpp>
#include <lockstep/comm/launch/launch_environment.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace ls = lockstep;

namespace {

ls::JobDescription example() {
  ls::JobDescription job;
  job.ranks_per_node = 3;
  job.node_rank = 1;
  job.node_count = 2;
  job.restart_count = 4;
  job.job_id = "id";
  job.secret_file = "/s";
  job.master_address = "gn1";
  job.master_port = 4000;
  return job;
}

/// Looks a variable up in "NAME=value" texts.
const char* find(const std::vector<std::string>& variables, const std::string& name) {
  for (const std::string& variable : variables) {
    if (variable.starts_with(name + "=")) return variable.c_str() + name.size() + 1;
  }
  return nullptr;
}

void check(const ls::LaunchEnvironment& environment) {
  CHECK(environment.rank == 5);
  CHECK(environment.world_size == 6);
  CHECK(environment.local_rank == 2);
  CHECK(environment.local_world_size == 3);
  CHECK(environment.node_rank == 1);
  CHECK(environment.node_count == 2);
  CHECK(environment.restart_count == 4);
  CHECK(environment.master_address == "gn1");
  CHECK(environment.master_port == 4000);
  CHECK_FALSE(environment.master_port_taken);
}

}  // namespace

TEST_CASE("a rank finds in its environment what the job's description says") {
  const std::vector<std::string> variables = ls::rank_variables(example(), 2);
  const ls::LaunchEnvironment environment =
      ls::read_launch_environment([&](const char* name) { return find(variables, name); });
  CHECK(environment.launcher == "lockstep");
  CHECK(environment.job_id == "id");
  CHECK(environment.secret_file == "/s");
  check(environment);
}

TEST_CASE("a program that only knows torchrun's variables finds the same") {
  const std::vector<std::string> variables = ls::rank_variables(example(), 2);
  const ls::LaunchEnvironment environment = ls::read_launch_environment([&](const char* name) -> const char* {
    return std::string(name).starts_with("LOCKSTEP_") ? nullptr : find(variables, name);
  });
  CHECK(environment.launcher == "torchrun");
  check(environment);
}

TEST_CASE("bytes are shown as hexadecimal digits") {
  const std::vector<std::byte> bytes{std::byte{0}, std::byte{0xa5}, std::byte{0xff}};
  CHECK(ls::hexadecimal(bytes) == "00a5ff");
  CHECK(ls::hexadecimal({}).empty());
}

TEST_CASE("random job ids differ") {
  const std::string id = ls::random_job_id();
  CHECK(id.size() == 32);
  CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(ls::random_job_id() != id);
}

TEST_CASE("a free port can be taken") {
  const int port = ls::find_free_port();
  const ls::FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  CHECK(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
}
