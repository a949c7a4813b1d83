#include <lockstep/comm/mpi/mpi_requests.hpp>
#include <lockstep/comm/mpi/mpi_session.hpp>

#include <doctest/doctest.h>

#include <cstddef>

namespace ls = lockstep;

TEST_CASE("requests complete together; receives without a message can be taken back") {
  static_cast<void>(ls::detail::MpiSession::instance());
  MPI_Comm self;
  MPI_Comm_dup(MPI_COMM_SELF, &self);
  MPI_Comm_set_errhandler(self, MPI_ERRORS_RETURN);
  ls::detail::MpiRequests requests(self);
  CHECK(requests.test());
  const std::byte sent[2] = {std::byte{1}, std::byte{2}};
  std::byte received[2] = {};
  requests.receive(received, 2, 0, ls::detail::exchange_tag);
  CHECK(!requests.test());
  CHECK(requests.awaits(0));
  CHECK(!requests.awaits(1));
  requests.send(sent, 2, 0, ls::detail::exchange_tag);
  while (!requests.test()) {}
  CHECK(requests.empty());
  CHECK(received[1] == std::byte{2});

  requests.receive(received, 2, 0, ls::detail::exchange_tag);
  requests.cancel_receives();
  while (!requests.test()) {}

  ls::detail::MpiRequests wrong(self);
  CHECK_THROWS_AS(wrong.send(sent, 2, 17, ls::detail::exchange_tag), ls::detail::MpiFailure);
  MPI_Comm_free(&self);
}
