#include <lockstep/comm/mpi/mpi_identities.hpp>
#include <lockstep/comm/mpi/mpi_session.hpp>

#include <doctest/doctest.h>

#include <unistd.h>

#include <chrono>
#include <string>

namespace ls = lockstep;

TEST_CASE("ranks learn of each other's hosts and processes") {
  static_cast<void>(ls::detail::MpiSession::instance());
  MPI_Comm communicator;
  int rank = 0, size = 1;
  MPI_Comm_dup(MPI_COMM_WORLD, &communicator);
  MPI_Comm_rank(communicator, &rank);
  MPI_Comm_size(communicator, &size);
  ls::detail::MpiIdentities identities(rank, size);
  const int other = (rank + 1) % size;
  if (size > 1) CHECK(identities.describe(other) == ls::concat("rank ", other));
  CHECK(identities.exchange(communicator, ls::Deadline::after(std::chrono::seconds(60))));
  CHECK(identities.describe(rank).find(ls::concat(", pid ", static_cast<long>(::getpid()), ")")) != std::string::npos);
  CHECK(identities.describe(other).find(ls::concat("rank ", other, " (host ")) == 0);
  if (size == 1) CHECK(identities.has_processor_each());
  if (size > ::sysconf(_SC_NPROCESSORS_CONF)) CHECK(!identities.has_processor_each());
  MPI_Comm_free(&communicator);
}
