#include <lockstep/comm/mpi/mpi_agreement.hpp>
#include <lockstep/comm/mpi/mpi_session.hpp>

#include <doctest/doctest.h>

#include <sched.h>

#include <cstdint>
#include <cstring>

namespace ls = lockstep;

TEST_CASE("all ranks learn all records, directly and in logarithmic steps, again and again") {
  static_cast<void>(ls::detail::MpiSession::instance());
  MPI_Comm communicator;
  int rank = 0, size = 1;
  MPI_Comm_dup(MPI_COMM_WORLD, &communicator);
  MPI_Comm_rank(communicator, &rank);
  MPI_Comm_size(communicator, &size);
  for (const bool direct : {true, false}) {
    ls::detail::MpiAgreement agreement(communicator, rank, size, direct);
    for (int round = 0; round < 50; ++round) {
      const int own = rank * 100 + round;
      std::memcpy(agreement.payload(rank), &own, sizeof own);
      agreement.start({static_cast<std::uint64_t>(rank + 7), static_cast<std::uint64_t>(round)}, sizeof own);
      while (!agreement.test()) ::sched_yield();
      for (int peer = 0; peer < size; ++peer) {
        const ls::detail::MpiRecord expected{static_cast<std::uint64_t>(peer + 7), static_cast<std::uint64_t>(round)};
        CHECK((agreement.record(peer) == expected));
        int value = 0;
        std::memcpy(&value, agreement.payload(peer), sizeof value);
        CHECK(value == peer * 100 + round);
        CHECK(!agreement.awaits(peer));
      }
    }
  }
  MPI_Comm_free(&communicator);
}
