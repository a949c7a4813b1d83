#include "tcp_test.hpp"
#include <lockstep/comm/tcp/tcp_options.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace lockstep;
using namespace lockstep::testing;

namespace {

LaunchEnvironment environment() {
  LaunchEnvironment result;
  result.rank = 3;
  result.world_size = 8;
  result.local_rank = 1;
  result.local_world_size = 2;
  result.launcher = "slurm";
  result.job_id = "17.0#0";
  result.master_address = "node1";
  result.master_port = 29500;
  return result;
}

template <class Change>
std::string fault(Change change) {
  TcpOptions options = tcp_options(0, 2, 29500);
  change(options);
  return error_text<Error>([&] { detail::check_tcp_options(options); });
}

}  // namespace

TEST_CASE("options follow the launcher") {
  const TcpOptions options = TcpOptions::from(environment());
  CHECK(options.rank == 3);
  CHECK(options.size == 8);
  CHECK(options.local_rank == 1);
  CHECK(options.job_id == "17.0#0");
  CHECK(options.master_address == "node1");
  CHECK(options.master_port == 29500);
  CHECK_FALSE(options.secret);
  CHECK_FALSE(options.encrypt);
}

TEST_CASE("a port that the launcher's own server holds is left to it") {
  LaunchEnvironment taken = environment();
  taken.master_port_taken = true;
  CHECK(TcpOptions::from(taken).store_port == 29500);
  CHECK(TcpOptions::from(taken).master_port == 0);
  CHECK(TcpOptions::from(environment()).store_port == 0);
}

TEST_CASE("ranks of one host meet on its loopback interface when the launcher names no address") {
  LaunchEnvironment local = environment();
  local.local_world_size = local.world_size;
  local.master_address.clear();
  CHECK(TcpOptions::from(local).master_address == "127.0.0.1");
}

TEST_CASE("a launcher that does not say where rank 0 is leaves an error that says what to set") {
  LaunchEnvironment silent = environment();
  silent.master_address.clear();
  CHECK(contains(error_text<EnvironmentError>([&] { TcpOptions::from(silent); }),
                 "rank 3 of 8 (launcher slurm) does not know where rank 0 listens: set MASTER_ADDR"));
  silent = environment();
  silent.master_port = 0;
  CHECK(contains(error_text<EnvironmentError>([&] { TcpOptions::from(silent); }), "MASTER_PORT"));
  CHECK(TcpOptions::from(LaunchEnvironment{}).size == 1);
}

TEST_CASE("the secret comes from the file that the launcher names") {
  const TemporaryPath path("secret");
  {
    const FileDescriptor file = open_file(path.text, O_WRONLY | O_CREAT, 0600);
    write_all(file, secret(7).data(), 32, path.text);
  }
  LaunchEnvironment named = environment();
  named.secret_file = path.text;
  CHECK(TcpOptions::from(named).secret == secret(7));
}

TEST_CASE("options out of range are errors that name them") {
  detail::check_tcp_options(tcp_options(0, 2, 29500));
  CHECK(contains(fault([](TcpOptions& o) { o.size = 0; }), "TcpOptions::size must be 1 to"));
  CHECK(contains(fault([](TcpOptions& o) { o.rank = 2; }), "TcpOptions::rank must be 0 to 1 (size 2), got 2"));
  CHECK(contains(fault([](TcpOptions& o) { o.rank = -1; }), "got -1"));
  CHECK(contains(fault([](TcpOptions& o) { o.master_port = 65536; }), "TcpOptions::master_port"));
  CHECK(contains(fault([](TcpOptions& o) { o.store_port = -1; }), "TcpOptions::store_port"));
  CHECK(contains(fault([](TcpOptions& o) { o.sockets_per_peer = 0; }), "TcpOptions::sockets_per_peer"));
  CHECK(contains(fault([](TcpOptions& o) { o.socket_buffer_bytes = -1; }), "TcpOptions::socket_buffer_bytes"));
  CHECK(contains(fault([](TcpOptions& o) { o.connect_deadline = {}; }), "TcpOptions::connect_deadline"));
  CHECK(contains(fault([](TcpOptions& o) { o.deadline = {}; }), "TcpOptions::deadline"));
  CHECK(contains(fault([](TcpOptions& o) { o.heartbeat = {}; }), "TcpOptions::heartbeat"));
  CHECK(contains(fault([](TcpOptions& o) { o.suspect_after = o.heartbeat; }), "longer than heartbeat"));
  CHECK(contains(fault([](TcpOptions& o) { o.secret.reset(), o.encrypt = true; }), "encrypt needs a job secret"));
}
