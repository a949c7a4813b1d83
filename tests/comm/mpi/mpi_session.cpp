#include <lockstep/comm/mpi/mpi_session.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>

namespace ls = lockstep;
using ls::detail::MpiSession;

TEST_CASE("a process has one session, which initialises MPI") {
  MpiSession& session = MpiSession::instance();
  CHECK(&session == &MpiSession::instance());
  CHECK(!MpiSession::is_finalized());
  int level = MPI_THREAD_SINGLE;
  MPI_Query_thread(&level);
  CHECK(level >= MPI_THREAD_SERIALIZED);
}

TEST_CASE("a communicator that failed and is not over keeps the session from ending well") {
  MpiSession& session = MpiSession::instance();
  MPI_Comm self;
  MPI_Comm_dup(MPI_COMM_SELF, &self);
  session.take({std::make_unique<ls::detail::MpiNotices>(self, 0, 1), true});
  CHECK(session.bury(std::chrono::milliseconds(10), false));  // one rank is always over
}
