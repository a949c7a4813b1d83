// One rank of lockstep over TCP on the loopback interface.
// Usage: collectives_tcp SOCKET PAGE FOLDER RANK SIZE KIND; the benchmark starts it. The ranks meet in FOLDER. KIND is
//   tcp        one data connection between two ranks
//   tcp-tls    the same, encrypted
#include "lockstep_collectives.hpp"
#include <lockstep/comm/tcp.hpp>

#include <cstdlib>

namespace {

void run(char** arguments) {
  lockstep::TcpOptions options;
  options.rank = std::atoi(arguments[4]);
  options.size = std::atoi(arguments[5]);
  options.job_id = arguments[1];
  options.address_file = arguments[3] + std::string("/tcp");
  const std::string kind = arguments[6];
  if (kind == "tcp-tls") {
    options.secret = lockstep::JobSecret{std::byte{1}};
    options.encrypt = true;
  } else if (kind != "tcp") {
    throw lockstep::ArgumentError(lockstep::concat("no communicator is called '", kind, "'"));
  }
  using Contender = benchmarks::Collectives<lockstep::Tcp, true>;
  Contender contender{lockstep::Tcp(options)};
  benchmarks::Rank<Contender>(contender, arguments[1], arguments[2]).serve();
}

}  // namespace

int main(int argument_count, char** arguments) {
  return benchmarks::rank_main("collectives_tcp", [&] {
    if (argument_count != 7) throw lockstep::ArgumentError("this program is started by the benchmark collectives");
    run(arguments);
  });
}
