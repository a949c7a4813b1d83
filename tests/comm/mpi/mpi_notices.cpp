#include <lockstep/comm/mpi/mpi_notices.hpp>
#include <lockstep/comm/mpi/mpi_session.hpp>

#include <doctest/doctest.h>

#include <string>

namespace ls = lockstep;
using ls::detail::MpiNotice;

TEST_CASE("ranks hear of failures and farewells; a communicator is over when all have left") {
  static_cast<void>(ls::detail::MpiSession::instance());
  MPI_Comm communicator;
  int rank = 0, size = 1;
  MPI_Comm_dup(MPI_COMM_WORLD, &communicator);
  MPI_Comm_rank(communicator, &rank);
  MPI_Comm_size(communicator, &size);
  ls::detail::MpiNotices notices(communicator, rank, size);
  CHECK(notices.first_failed() == -1);
  if (rank == 0) {
    notices.tell(MpiNotice::failed, [](int peer) {
      MpiNotice notice;
      notice.set_message(ls::concat("no more, rank ", peer));
      return notice;
    });
  } else {
    while (notices.first_failed() < 0) notices.poll();
    CHECK(notices.first_failed() == 0);
    CHECK(std::string(notices.failure_of(0).message()) == ls::concat("no more, rank ", rank));
    CHECK(notices.farewell_of(0).kind == MpiNotice::none);
  }
  CHECK((size == 1 || !notices.over()));
  MPI_Barrier(communicator);
  notices.tell(MpiNotice::left, [](int) {
    MpiNotice notice;
    notice.set_message(std::string(5000, 'x'));  // cut to what a notice holds
    notice.started = 3;
    return notice;
  });
  while (!notices.over()) {}
  for (int peer = 0; peer < size; ++peer) {
    if (peer != rank) CHECK(notices.farewell_of(peer).started == 3);
  }
  notices.close(true);
  CHECK(notices.communicator() == MPI_COMM_NULL);
}
